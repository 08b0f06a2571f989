"""What keeps the checkout page to itself: its policy, its cookie, and forms that come from it alone (PM85)."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

from starlette.requests import Request

from saifu.settings import Settings
from saifu.tables import CheckoutSession

from .tokens import good_until

MOST_FIELDS = 40
LARGEST_FORM_BYTES = 16 * 1024
STRIPE = "https://js.stripe.com"
_FORM_TYPE = "application/x-www-form-urlencoded"
_RANDOM_BYTES = 18
_TAIL = 12
_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?", re.ASCII)
_OWN_SITE = frozenset({None, "same-origin", "none"})


class Refused(Exception):
    """A form that is too large, of another kind, or not from our page; `status` says which."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Manners:
    """How the pages of an installation are to be treated by browsers."""

    frame_ancestors: tuple[str, ...]
    stripe: bool

    @classmethod
    def of(cls, settings: Settings, stripe: bool) -> Self:
        return cls(settings.frame_ancestors, stripe)

    def headers(self) -> dict[str, str]:
        """Of every page: nothing from anywhere else, except Stripe's card field where Stripe is used (S24).

        That no address is passed on as a referrer, and more, is said of every answer of the gateway.
        """
        return {
            "content-security-policy": self._policy(),
            "cache-control": "no-store",
            "x-robots-tag": "noindex",
            "permissions-policy": "camera=(), microphone=(), geolocation=()",
        }

    def _policy(self) -> str:
        script = f" {STRIPE}" if self.stripe else ""
        connect = " https://api.stripe.com" if self.stripe else ""
        frames = f"{STRIPE} https://hooks.stripe.com" if self.stripe else "'none'"
        around = " ".join(self.frame_ancestors) or "'none'"
        return (
            f"default-src 'none'; script-src 'self'{script}; style-src 'self'; img-src 'self' data:; "
            f"connect-src 'self'{connect}; frame-src {frames}; form-action 'self'; base-uri 'none'; "
            f"frame-ancestors {around}"
        )


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser at the page of a session: the link's token, and a secret of its own that no other site can know."""

    token: str
    secret: str
    is_new: bool = False

    @classmethod
    def of(cls, request: Request, session: CheckoutSession, token: str) -> Self:
        known = held(request, session.id)
        if known is not None and hmac.compare_digest(known[0], token):
            return cls(*known)
        return cls(token, secrets.token_urlsafe(_RANDOM_BYTES), is_new=True)

    def csrf(self, session: CheckoutSession) -> str:
        """What a form of this page has to bring along."""
        return hmac.digest(self.secret.encode(), session.id.encode(), "sha256").hex()

    def cookie(self, session: CheckoutSession, manners: Manners, is_https: bool) -> str:
        """The `Set-Cookie` of the visit: for no script, and for requests of this site alone unless it is embedded."""
        embedded = bool(manners.frame_ancestors) and is_https
        parts = [f"{_cookie_name(session.id)}={self.token}.{self.secret}", "Path=/checkout", "HttpOnly"]
        parts.append("SameSite=None; Partitioned" if embedded else "SameSite=Lax")
        lasts_s = max(0, int((good_until(session) - session.created_at).total_seconds()))
        parts.append(f"Max-Age={lasts_s}")
        return "; ".join([*parts, "Secure"] if is_https else parts)


def held(request: Request, session_id: str) -> tuple[str, str] | None:
    """The token and the secret that the browser holds of a session, if it does."""
    token, _, secret = request.cookies.get(_cookie_name(session_id), "").partition(".")
    return (token, secret) if token and secret and (token + secret).isascii() else None


async def form(request: Request, session: CheckoutSession, token: str) -> dict[str, str]:
    """What our own form has sent.

    Raises:
        Refused: 403 from anywhere else, 413, 415.
    """
    given = await _fields(request)
    visit = Visit.of(request, session, token)
    same = hmac.compare_digest(given.get("csrf", "").encode(), visit.csrf(session).encode())
    if visit.is_new or not same or request.headers.get("sec-fetch-site") not in _OWN_SITE:
        raise Refused(403)
    return given


async def _fields(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM_TYPE:
        raise Refused(415)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM_BYTES:
            raise Refused(413)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Refused(400) from None
    return dict(pairs)


def home(request: Request, settings: Settings) -> str:
    """Where the browser reaches us, without a slash at the end."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host if _HOST.fullmatch(host) else '127.0.0.1'}"


def _cookie_name(session_id: str) -> str:
    return f"saifu_checkout_{hashlib.sha256(session_id.encode()).hexdigest()[:_TAIL]}"
