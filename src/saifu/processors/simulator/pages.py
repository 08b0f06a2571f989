"""The simulator's doors: where cards become tokens, and where its customers confirm (SR22, SR90, PM93, PM94).

The body of a request for a token is looked at here and nowhere else: it is never logged, and what is wrong with it is
said without repeating it.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl

import orjson
from jinja2 import Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from saifu.money import exponent
from saifu.refusals import Declined, Refusal, invalid

from .approvals import Page, Reply
from .simulator import PAGES, Simulator
from .tokens import CardDetails

TOKENS = "/simulator/tokens"
LONGEST_BODY = 8 * 1024
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?=[/?#]|$)")
_NO_STORE = {"cache-control": "no-store"}
_STYLE = """
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: #1b1b1f; background: #f4f4f7; }
main { max-width: 32rem; margin: 2rem auto; padding: 1.5rem; background: #fff; border-radius: .5rem; }
.banner { margin: 0; padding: .5rem .75rem; background: #fff3cd; border-radius: .25rem; }
.amount { font-size: 1.5rem; }
fieldset { border: 0; margin: 0; padding: 0; }
button { font: inherit; padding: .5rem 1rem; min-width: 8rem; }
""".strip()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    "default-src 'none'; img-src data:; base-uri 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{_STYLE_HASH}'; form-action 'self'"
)
_TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined).from_string(
    resources.files(__package__).joinpath("page.html").read_text()
)
_TITLES = {True: "Confirm the payment", False: "Authorise the payment"}
_BUTTONS: Mapping[bool, tuple[tuple[Reply, str, str], ...]] = {
    True: (
        (Reply.AUTHORISE, "Complete", "The bank knows its customer: the payment goes on."),
        (Reply.DECLINE, "Fail", "The bank does not: the payment fails."),
        (Reply.CLOSE, "Close", "Nobody answers: the payment fails ten minutes after it was made."),
    ),
    False: (
        (Reply.AUTHORISE, "Authorise", "The source can be charged."),
        (Reply.DECLINE, "Decline", "The source fails: declined."),
        (Reply.CLOSE, "Close", "The source fails: the customer went away."),
    ),
}


def routes(simulator: Simulator) -> list[Route]:
    """The doors, for an application in test mode; in live mode nobody may offer them (SR95)."""

    async def tokens(request: Request) -> Response:
        return await _token(simulator, request)

    async def approve(request: Request) -> Response:
        return await _approve(simulator, request)

    return [
        Route(TOKENS, tokens, methods=["POST"]),
        Route(PAGES + "{token}", approve, methods=["GET", "POST"]),
    ]


async def _token(simulator: Simulator, request: Request) -> Response:
    """`{"token"}`, or `{"error": {"code", "message"}}` with the status that REST would give it."""
    try:
        token = await simulator.tokenise(_card(await _fields(request)))
    except Declined as no:
        return _refused(no.manner.http_status, no.decline_code, no.user_message)
    except Refusal as no:
        return _refused(no.manner.http_status, no.code, no.message)
    except _Unreadable as no:
        return _refused(no.status, "INVALID_REQUEST_PARAMETERS", str(no))
    return JSONResponse({"token": token}, 201, headers=_NO_STORE)


class _Unreadable(Exception):
    """A body that is no form and no JSON, or too long."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _refused(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": str(code), "message": message}}, status, headers=_NO_STORE)


async def _fields(request: Request) -> Mapping[str, Any]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (_JSON, _FORM):
        raise _Unreadable(415, f"Send {_JSON} or {_FORM}.")
    body = await _body(request)
    try:
        given = (
            orjson.loads(body) if kind == _JSON else dict(parse_qsl(body.decode("ascii"), max_num_fields=20))
        )
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise _Unreadable(400, "The body cannot be read.")
    return given


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_BODY:
            raise _Unreadable(413, f"A body has at most {LONGEST_BODY} bytes.")
    return body


def _card(given: Mapping[str, Any]) -> CardDetails:
    unknown = given.keys() - CardDetails.__slots__
    if unknown:
        raise invalid(f"There is only {', '.join(CardDetails.__slots__)}.")
    return CardDetails(
        number=_text(given, "number"),
        exp_month=_whole(given, "exp_month"),
        exp_year=_whole(given, "exp_year"),
        cvc=_text(given, "cvc"),
        name=_text(given, "name") if given.get("name") else None,
        country=_text(given, "country") if given.get("country") else None,
    )


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str):
        raise invalid(f"{name} is a text, and has to be there.", name)
    return value


def _whole(given: Mapping[str, Any], name: str) -> int:
    value = str(given.get(name, "")).strip()
    if not (value.isascii() and value.isdigit() and len(value) <= 4):  # noqa: PLR2004 - digits of a year
        raise invalid(f"{name} is a number, and has to be there.", name)
    return int(value)


async def _approve(simulator: Simulator, request: Request) -> Response:
    """The page, and what its form sends: whoever has the token in the path is who may answer, so no cookie helps."""
    token = request.path_params["token"]
    page = await simulator.page(token)
    if page is None:
        return _html("There is no such page", 404)
    if request.method == "GET":
        return _shown(page)
    given = await _given_reply(request)
    if given is None:
        return _shown(page, 422)
    after = await simulator.reply(token, given)
    assert after is not None, "the page was there a moment ago"
    if after.return_url is None:
        return _shown(after)
    return RedirectResponse(after.return_url, 303, headers=_careful(after))


async def _given_reply(request: Request) -> Reply | None:
    try:
        fields = await _fields(request)
        return Reply(fields.get("reply", ""))
    except (_Unreadable, ValueError):
        return None


def _shown(page: Page, status: int = 200) -> Response:
    text = "" if page.is_open else "This was answered already, or its time is up."
    return _html(_TITLES[page.is_charge], status, page, text)


def _html(title: str, status: int, page: Page | None = None, text: str = "Ask for a new link.") -> Response:
    is_open = page is not None and page.is_open
    body = _TEMPLATE.render(
        title=title,
        style=_STYLE,
        amount=_amount(page),
        buttons=_BUTTONS[page.is_charge] if page is not None and is_open else (),
        text=text,
        return_url=page.return_url if page is not None else None,
    )
    return HTMLResponse(body, status, headers=_careful(page))


def _careful(page: Page | None) -> dict[str, str]:
    """Browsers hold the redirection after a form to its policy too, so the shop's origin stands there."""
    origin = _ORIGIN.match(page.return_url or "") if page is not None else None
    shop = f" {origin[0]}" if origin else ""
    return {**_NO_STORE, "content-security-policy": _POLICY + shop}


def _amount(page: Page | None) -> str | None:
    if page is None or page.amount_minor is None or page.currency is None:
        return None
    return f"{Decimal(page.amount_minor).scaleb(-exponent(page.currency)):f} {page.currency}"
