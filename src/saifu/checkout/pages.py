"""The hosted page over HTTP: what a link shows, and what its form does (PM70-PM89).

Written on the server, so that it works without a script; every form is answered with a redirection to the page, which
then shows how things stand. Nothing of a card is logged, stored or shown again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from saifu.processors.contract import OutcomeUnknown
from saifu.processors.installed import SIMULATOR, STRIPE
from saifu.processors.simulator.pages import TOKENS
from saifu.processors.simulator.simulator import Simulator
from saifu.refusals import Declined, ErrorCode, Refusal
from saifu.settings import Settings
from saifu.tables import CheckoutSession

from . import entering, guard, rows, sessions, standing, tokens, view, wording
from .assets import PATH as ASSETS
from .assets import Assets
from .attempts import Changed, Repeated
from .entering import Form, Mistaken
from .flow import CheckoutFlow
from .guard import Manners, Refused, Visit
from .orders import CARD, SEPA_DEBIT
from .standing import Standing, State
from .texts import Texts, Words
from .view import Entered, Place

PATH = "/checkout/"
_SEE_OTHER = 303
_SHOWN_BY_THE_PAGE = frozenset(
    {
        ErrorCode.CHECKOUT_SESSION_CONSUMED,
        ErrorCode.CHECKOUT_SESSION_EXPIRED,
        ErrorCode.PREVIOUS_PAYMENT_PENDING,
    }
)
"""Refusals that need no words: the page as it is now says it all."""

_NOTHING_YET = Entered()


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of an installation.

    Attributes:
        simulator: who takes card data, in test mode; None where the processor's own form does.
        stripe_key: what Stripe's own card form wants; None where there is none.
    """

    flow: CheckoutFlow
    settings: Settings
    assets: Assets
    texts: Texts
    manners: Manners
    simulator: Simulator | None
    stripe_key: str | None

    def routes(self) -> list[Route]:
        """For the application."""
        return [
            Route(ASSETS + "{name}", self._asset),
            Route(PATH + "return/{session_id}", self._back),
            Route(PATH + "{token}", self._show),
            Route(PATH + "{token}/state", self._state),
            Route(PATH + "{token}/pay", self._pay, methods=["POST"]),
            Route(PATH + "{token}/cancel", self._cancel, methods=["POST"]),
        ]

    async def _asset(self, request: Request) -> Response:
        asset = self.assets.named(request.path_params["name"])
        return asset.answer() if asset else Response("There is no such file.\n", 404, media_type="text/plain")

    async def _show(self, request: Request) -> Response:
        session = await self._session(request)
        if session is None:
            return self._plain(request, "gone", 404)
        now = await self._standing(session)
        if now.state is State.OPEN and _is_news(now):
            await self.flow.seen(session)
        return self._page(request, now)

    async def _state(self, request: Request) -> Response:
        session = await self._session(request)
        if session is None:
            return JSONResponse({"state": "gone"}, 404, self.manners.headers())
        now = await self._standing(session)
        body = {"state": now.state.value, "version": now.session.version}
        return JSONResponse(body, 200, self.manners.headers())

    async def _back(self, request: Request) -> Response:
        """From the bank: the browser says which session it was, and the processor is asked how it went (PM81)."""
        held = guard.held(request, request.path_params["session_id"])
        session = await tokens.session_of(self.flow.store, held[0]) if held else None
        if held is None or session is None or session.id != request.path_params["session_id"]:
            return self._plain(request, "back", 200)
        await self.flow.look(session)
        return self._to(held[0])

    async def _pay(self, request: Request) -> Response:
        session = await self._session(request)
        if session is None:
            return self._plain(request, "gone", 404)
        now = await self._standing(session)
        try:
            given = await guard.form(request, session, _token(request))
        except Refused as refused:
            return self._unsent(request, now, refused)
        form = Form(given, now, self.settings.mode == "test")
        if now.state is not State.OPEN:
            return self._to(_token(request))
        return await self._paid(request, form)

    async def _cancel(self, request: Request) -> Response:
        session = await self._session(request)
        if session is None:
            return self._plain(request, "gone", 404)
        try:
            await guard.form(request, session, _token(request))
            await self.flow.give_up(session)
        except Refused as refused:
            return self._unsent(request, await self._standing(session), refused)
        except Refusal:
            pass  # it has ended meanwhile, or nobody knows: the page says which
        return self._to(_token(request))

    async def _paid(self, request: Request, form: Form) -> Response:
        words = self._words(request, form.standing)
        try:
            await self._confirm(request, form)
        except Mistaken as mistake:
            errors = {name: words(key) for name, key in mistake.errors.items()}
            return self._again(request, form, errors, wording.problem(words, "problem_fields"))
        except Changed:
            changed = wording.problem(words, "problem_changed", words("problem_changed_text"))
            return self._again(request, await self._fresh(form), {}, changed)
        except (Repeated, OutcomeUnknown):
            pass
        except Declined as no:
            return await self._declined(request, form, no)
        except Refusal as no:
            if no.code not in _SHOWN_BY_THE_PAGE:
                return await self._refused(request, form, no)
        return self._to(_token(request), onward=True)

    async def _confirm(self, request: Request, form: Form) -> None:
        choice, session = form.choice(), form.standing.session
        if form.method == SEPA_DEBIT and entering.is_mandate(form.standing):
            client = request.client.host if request.client else None
            account = form.account(client, request.headers.get("user-agent"))
            await self.flow.authorise_account(session, choice, account)
            return
        token = await self._token_of(form) if form.method == CARD and not form.covered else None
        if not entering.is_mandate(form.standing):
            back = f"{guard.home(request, self.settings)}{PATH}return/{session.id}"
            await self.flow.pay(session, choice, token, back)
        elif token is not None:
            await self.flow.authorise(session, choice, token)

    async def _token_of(self, form: Form) -> str:
        """What a script has made of the card; without one, what the simulator makes of it here and now (PM87)."""
        if form.token is not None:
            return form.token
        if self.simulator is None:
            raise Mistaken({"card_number": "needs_script"})
        return await self.simulator.tokenise(
            form.card(rows.options(form.standing.session)["require_cardholder_name"])
        )

    async def _declined(self, request: Request, form: Form, no: Declined) -> Response:
        words, form = self._words(request, form.standing), await self._fresh(form)
        if no.decline_code in wording.FIELDS:
            return self._misentered(request, form, no.decline_code)
        text = wording.decline(words, no.decline_code)
        return self._again(request, form, {}, wording.problem(words, "problem_declined", text))

    async def _refused(self, request: Request, form: Form, no: Refusal) -> Response:
        form = await self._fresh(form)
        if no.code in wording.FIELDS:
            return self._misentered(request, form, no.code)
        words = self._words(request, form.standing)
        status = 503 if no.manner.retryable else 422
        return self._again(request, form, {}, wording.of_refusal(words, no), status)

    def _misentered(self, request: Request, form: Form, code: str) -> Response:
        words = self._words(request, form.standing)
        name, key = wording.FIELDS[code]
        return self._again(request, form, {name: words(key)}, wording.problem(words, "problem_fields"))

    def _again(
        self,
        request: Request,
        form: Form,
        errors: Mapping[str, str],
        problem: Mapping[str, str],
        status: int = 422,
    ) -> Response:
        if form.standing.state is not State.OPEN:
            return self._to(_token(request))
        return self._page(request, form.standing, form.again(errors, problem), status)

    def _unsent(self, request: Request, now: Standing, refused: Refused) -> Response:
        words = self._words(request, now)
        stale = wording.problem(words, "problem_stale", words("problem_stale_text"))
        if now.state is not State.OPEN:
            return self._to(_token(request))
        return self._page(request, now, Entered(problem=stale), refused.status)

    async def _fresh(self, form: Form) -> Form:
        return replace(form, standing=await self._standing(form.standing.session))

    async def _session(self, request: Request) -> CheckoutSession | None:
        return await tokens.session_of(self.flow.store, _token(request))

    async def _standing(self, session: CheckoutSession) -> Standing:
        read = self.flow.store.read
        return await read(lambda tx: standing.read(tx, session.id, self.flow.rules), consistent=True)

    def _words(self, request: Request, now: Standing) -> Words:
        own = now.customer.preferred_locale if now.customer else None
        wanted = (rows.options(now.session)["force_language"], own)
        return self.texts.choose(wanted, request.headers.get("accept-language"))

    def _page(
        self, request: Request, now: Standing, entered: Entered = _NOTHING_YET, status: int = 200
    ) -> Response:
        visit = Visit.of(request, now.session, _token(request))
        words, rules = self._words(request, now), self.flow.rules
        place = Place(
            words,
            PATH + visit.token,
            visit.csrf(now.session),
            TOKENS if self.simulator else None,
            self.stripe_key,
        )
        shown: dict[str, Any] = {
            "t": words.texts,
            "page": view.page(now, place, rules),
            "summary": view.summary(now, words, rules),
        }
        if now.state is State.OPEN:
            shown |= {"form": view.form(now, place, rules, entered), "title": shown["summary"]["heading"]}
            return self._html("form.html", shown, status, self._cookie(request, now, visit))
        message = view.message(now, place, rules, onward="go" in request.query_params)
        shown |= {"message": message, "title": message["heading"]}
        return self._html("message.html", shown, status, self._cookie(request, now, visit))

    def _plain(self, request: Request, key: str, status: int) -> Response:
        words = self.texts.choose((), request.headers.get("accept-language"))
        message = view.plain(words, key)
        page = view.bare(words, self.flow.rules)
        shown = {
            "t": words.texts,
            "page": page,
            "summary": None,
            "message": message,
            "title": message["heading"],
        }
        return self._html("message.html", shown, status, {})

    def _cookie(self, request: Request, now: Standing, visit: Visit) -> dict[str, str]:
        if not visit.is_new:
            return {}
        is_https = guard.home(request, self.settings).startswith("https:")
        return {"set-cookie": visit.cookie(now.session, self.manners, is_https)}

    def _html(
        self, template: str, shown: Mapping[str, Any], status: int, more: Mapping[str, str]
    ) -> Response:
        text = self.assets.page(template, **shown)
        return HTMLResponse(text, status, {**self.manners.headers(), **more})

    def _to(self, token: str, onward: bool = False) -> Response:
        """To the page as it is now; `onward` goes on to the bank at once where that is what is next."""
        url = PATH + token + ("?go=1" if onward else "")
        return RedirectResponse(url, _SEE_OTHER, {"cache-control": "no-store"})


def routes(flow: CheckoutFlow, settings: Settings, simulator: Simulator | None, folder: Path) -> list[Route]:
    """The hosted page, for the application.

    Args:
        simulator: takes card data in test mode, where it is also who charges.
        folder: of the page's sources, `src/web/checkout`.
    """
    charges = flow.sources.processors.chosen_name
    stripe_key = settings.stripe_publishable_key if charges == STRIPE else None
    cards = simulator if charges == SIMULATOR else None
    manners = Manners.of(settings, stripe=stripe_key is not None)
    texts = Texts.of(folder / "texts")
    return Pages(flow, settings, Assets.of(folder), texts, manners, cards, stripe_key).routes()


def _token(request: Request) -> str:
    token: str = request.path_params["token"]
    return token


def _is_news(now: Standing) -> bool:
    """Whether a visit is to be written down: the first one, and then one a minute."""
    session = now.session
    first = session.abandons_at is None and session.abandonment_json is None
    return first or now.now - session.last_activity_at >= sessions.SEEN_EVERY
