"""The composition root: puts engine, resolvers, schema and gateway together, and knows how they start and stop."""

from collections.abc import AsyncIterator, Hashable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from functools import lru_cache, partial
from pathlib import Path
from time import monotonic
from typing import Any, cast

import uvicorn
from graphql import DocumentNode, GraphQLError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from resolvers import streams
from resolvers.context import Caller, CallerKind, Context
from schema import schema
from schema.arguments import Asked, check_texts
from schema.outcome import dressed

from . import card_numbers, flows, health, jobs, logs, migrations, retention, wakeups
from .checkout import pages as checkout_pages
from .credentials import RECHECK_S, Credential, Credentials
from .documents import pages as documents
from .feed import Feed
from .gateway.admission import Admission
from .gateway.close_codes import UNAUTHORIZED
from .gateway.documents import Documents
from .gateway.door import Door
from .gateway.explorer import Explorer
from .gateway.guards import guarded
from .gateway.host import Closer, Rejected
from .gateway.http_protocol import HttpProtocol
from .gateway.limits import Limits
from .gateway.metrics import CONTENT_TYPE, Metrics, Standing
from .gateway.middleware import REQUEST_ID, Requests, Straight
from .gateway.persisted import trusted
from .gateway.places import Places
from .gateway.protocol import SocketProtocol
from .gateway.rates import Rate, Rates
from .gateway.service import Service
from .gateway.sockets import Sockets
from .gateway.transport_ws import Manners
from .gateway.view import View
from .ids import request_id
from .keys import Scope
from .payments import callback_door
from .posting import Rules
from .processors.simulator import pages as simulator_pages
from .refusals import Refusal
from .settings import Settings, SettingsError
from .store import ActorType, Store
from .store_postgres import PostgresStore

SEND_TIMEOUT_S = 10.0
LARGEST_MESSAGE_BYTES = 64 * 1024
CORS_MAX_AGE_S = 600
# Longer than the 60 s after which the usual load balancers give up a connection, so that it is never us who closes
# one in the moment in which they use it.
KEEP_ALIVE_S = 75
BURST_S = 5
"""How many seconds' worth of requests may come at once."""
# What Apollo's and other clients add to a request; without leave a browser would not send it.
HEADERS_OF_CLIENTS = (
    "Apollo-Require-Preflight",
    "Apollographql-Client-Name",
    "Apollographql-Client-Version",
    "GraphQL-Preflight",
)
WEB = Path(__file__).resolve().parents[1] / "web"


class House:
    """One gateway around one store: what is behind the endpoint, and who is let in."""

    def __init__(self, settings: Settings, store: Store, recheck_s: float) -> None:
        self.settings = settings
        self.store = store
        self.feed = Feed(store)
        self.flows = flows.build(settings, store)
        self.credentials = Credentials(store, recheck_s)
        self.rules = Rules.of(settings)
        self.metrics = Metrics()
        self.revision = ""

    @asynccontextmanager
    async def running(self, work: bool) -> AsyncIterator[None]:
        """Within it the log is followed, credentials are watched, and, with `work`, due work is done."""
        self.revision = (await migrations.revision(self.store.url)).head
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.flows.close)
            if self.flows.simulator is not None:
                await self.flows.simulator.start()
            if self.settings.nats_url and isinstance(self.store, PostgresStore):
                subject = f"saifu.{self.settings.business_id}.{self.settings.mode}.log"
                await stack.enter_async_context(
                    wakeups.over_nats(self.settings.nats_url, subject, self.store)
                )
            for part in (self.feed, self.credentials):
                await part.start()
                stack.push_async_callback(part.stop)
            if work:
                more = [retention.job(self.settings.event_retention_days), *self.flows.jobs()]
                await stack.enter_async_context(jobs.running(self.store, self.settings, more))
            yield

    async def admit(self, authorization: str | None, request_id: str) -> Context:
        try:
            credential = await self.credentials.of(authorization)
        except Refusal as refusal:
            raise Rejected(refusal.manner.http_status, "INTERNAL_SERVER_ERROR", refusal.message) from None
        if credential is None:
            raise Rejected(401, "UNAUTHENTICATED", _NOBODY, www_authenticate='Bearer realm="saifu"')
        return self._context(credential, request_id)

    def known(self, authorization: str | None, request_id: str) -> Context | None:
        credential = self.credentials.known(authorization)
        return None if credential is None else self._context(credential, request_id)

    def _context(self, credential: Credential, request_id: str) -> Context:
        return Context(
            store=self.store,
            clock=self.store.clock,
            settings=self.settings,
            rules=self.rules,
            feed=self.feed,
            flows=self.flows,
            caller=_caller(credential),
            request_id=request_id,
        )

    def open_socket(self, context: Context, close: Closer) -> AbstractContextManager[None]:
        ended = partial(close, UNAUTHORIZED, "The credential was revoked or has expired")
        return self.credentials.hold(context.caller.id, ended)

    def may_introspect(self, context: Context) -> bool:
        return self.settings.mode == "test" or Scope.ADMIN in context.caller.scopes

    def caller_id(self, context: Context) -> str:
        return context.caller.id

    def sharing_key(self, context: Context) -> Hashable:
        caller = context.caller
        return (caller.kind, caller.id if caller.is_checkout else caller.customer_id, caller.scopes)

    def check(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        check_texts(document, variables)

    def dress(
        self,
        error: GraphQLError,
        document: DocumentNode | None,
        variables: Mapping[str, Any],
        context: Context,
    ) -> GraphQLError:
        return dressed(error, Asked(schema.core, document, variables), context.request_id)

    def resume_from(self) -> str | None:
        return streams.resume_from()


_NOBODY = "Send `Authorization: Bearer` with an API key or a customer session that is good."


def documents_of(settings: Settings) -> Documents:
    """The documents that are served, within the limits of the settings (A61, A62).

    Raises:
        SettingsError: the file of trusted documents cannot be used, or is missing where only those are run.
    """
    limits = Limits(
        document_bytes=settings.max_document_bytes,
        tokens=settings.max_tokens,
        depth=settings.max_depth,
        aliases=settings.max_aliases,
        cost=settings.max_cost,
    )
    manifest, only = settings.trusted_documents, settings.trusted_only
    if only and manifest is None:
        raise SettingsError(["  SAIFU_TRUSTED_ONLY needs a file of documents: set SAIFU_TRUSTED_DOCUMENTS."])
    try:
        texts = trusted(manifest) if manifest else None
        return Documents(schema.core, limits, trusted=texts, only_trusted=only)
    except (OSError, ValueError) as error:
        raise SettingsError([f"  SAIFU_TRUSTED_DOCUMENTS cannot be used: {error}"]) from error


def build_app(
    settings: Settings,
    *,
    store: Store,
    jobs: bool = False,
    recheck_s: float = RECHECK_S,
    send_timeout_s: float = SEND_TIMEOUT_S,
) -> Starlette:
    """The whole gateway as an ASGI application around an open store, which its caller closes afterwards.

    Args:
        jobs: whether this process also does the due work.
        recheck_s: how often credentials that hold sockets open are looked at again (A42: within 5 s).
        send_timeout_s: how long a socket may refuse to take a message before it is cut (A54).
    """
    house = House(settings, store, recheck_s)
    service = Service(schema.core, house, documents_of(settings))
    places = Places(settings.sockets_per_credential, settings.sockets_per_address, "sockets and streams")
    admission = Admission(house, _rates(settings), places)
    explorer = _explorer(settings)
    view = View(
        service,
        house,
        admission,
        page=explorer.page if explorer else None,
        on_result=house.metrics.count,
    )
    sockets = Sockets(
        service,
        house,
        admission,
        places,
        allowed_origins=settings.allowed_origins,
        manners=Manners(send_within_s=send_timeout_s, drain_within_s=settings.drain_timeout_s),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with house.running(work=jobs):
            yield

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_request: Request) -> Response:
        checks = await health.ready(store, house.feed, house.revision)
        good = set(checks.values()) == {"ok"}
        body = {"status": "ready" if good else "not ready", "checks": checks}
        return JSONResponse(body, 200 if good else 503)

    async def metrics(request: Request) -> Response:
        if settings.mode == "live":
            try:
                await _admit_with_a_key(request, admission)
            except Rejected as no:
                return JSONResponse(no.body, no.status, no.headers)
        gauges = await health.gauges(store, house.feed)
        gauges["open_sockets"] = ("Websocket connections.", len(sockets))
        gauges["open_http_streams"] = ("Subscriptions over HTTP.", view.streams)
        return Response(
            house.metrics.text(Standing(gauges, house.feed.seen)), headers={"content-type": CONTENT_TYPE}
        )

    as_request: Mapping[str, Any] = {
        "new_id": request_id,
        "in_request": logs.in_request,
        "answered": logs.answered,
        # It is kept with what the request has changed, where no card's number may be (S23).
        "unfit": card_numbers.found_in,
    }
    door = Door(
        "/graphql",
        service,
        admission,
        Requests(view, **as_request),
        view,
        house.metrics.count,
        others=bool(settings.allowed_origins),
    )
    return Straight(
        path="/graphql",
        endpoint=view,
        door=door,
        routes=[
            # Requests come to it straight; this one is for the redirection of "/graphql/".
            Route("/graphql", cast("Any", view)),
            WebSocketRoute("/graphql", cast("Any", sockets)),
            *(explorer.routes if explorer else ()),
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/metrics", metrics),
            *_doors(house),
        ],
        middleware=[
            Middleware(Requests, **as_request),
            *_for_other_origins(settings),
        ],
        lifespan=lifespan,
    )


def _doors(house: House) -> list[Route]:
    """For those who are no clients of the endpoint: processors that call back, and people with a browser."""
    simulator = house.flows.simulator
    cards = simulator_pages.routes(simulator) if simulator else []
    pages = checkout_pages.routes(house.flows.checkout, house.settings, simulator, WEB / "checkout")
    # Apart from those of the endpoint: who pays from an address does not keep a server there from asking.
    rates = _rates(house.settings)
    return [
        *guarded(callback_door.routes(house.flows.callbacks), rates),
        *guarded(documents.routes(house.store), rates, every=("GET", "HEAD")),
        *guarded([*cards, *pages], rates, every=("POST",)),
    ]


async def _admit_with_a_key(request: Request, admission: Admission) -> None:
    """How much business is done is nobody else's business (A44), a customer's among them.

    Raises:
        Rejected: UNAUTHENTICATED, FORBIDDEN for whoever has no key, or RATE_LIMITED.
    """
    given, client = request.headers.get("authorization"), request.scope.get("client")
    context: Context = await admission.admit(given, client, request.state.request_id)
    if context.caller.kind is not CallerKind.API_KEY:
        raise Rejected(403, "FORBIDDEN", "Metrics need an API key.")


def _rates(settings: Settings) -> Rates:
    """Keys are held by servers, sessions by somebody's browser."""
    key, session, address = (
        Rate(per_s, per_s * BURST_S) if per_s else None
        for per_s in (settings.rate_per_key, settings.rate_per_session, settings.rate_per_address)
    )
    return Rates(lambda id: key if id.startswith("key_") else session, address, monotonic)


def _explorer(settings: Settings) -> Explorer | None:
    return Explorer.of(WEB) if settings.shows_explorer else None


def _for_other_origins(settings: Settings) -> list[Middleware]:
    """Lets pages of other origins call; where there are none, a browser keeps them out by itself (CORS)."""
    if not settings.allowed_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", REQUEST_ID, *HEADERS_OF_CLIENTS),
            expose_headers=(REQUEST_ID, "Retry-After"),
            max_age=CORS_MAX_AGE_S,
        )
    ]


def configuration(app: Starlette, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the application: its own websocket protocol among others, so use no other."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=HttpProtocol,
        loop="uvloop",
        ws=SocketProtocol,
        ws_max_size=LARGEST_MESSAGE_BYTES,
        # Compression costs 60 KiB for each idle socket.
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        # Whoever may say for whom it speaks could say anybody, so by default nobody may.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=settings.drain_timeout_s,
    )


@lru_cache(maxsize=1_024)
def _caller(credential: Credential) -> Caller:
    return Caller(_KINDS[credential.type], credential.id, credential.scopes, credential.customer_id)


_KINDS = {
    ActorType.API_KEY: CallerKind.API_KEY,
    ActorType.CUSTOMER: CallerKind.CUSTOMER_SESSION,
    ActorType.CHECKOUT: CallerKind.CHECKOUT,
}
