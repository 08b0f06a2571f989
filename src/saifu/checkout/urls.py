"""Where a customer goes when the checkout is over (PM80, PM82)."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from saifu.fields import storable
from saifu.refusals import Refusal, invalid

LONGEST_URL = 2_048
_LOWEST_PRINTABLE = "!"
_HIGHEST_PRINTABLE = "~"


class Address(NamedTuple):
    """What an address of a page is checked for."""

    text: str
    live: bool

    def problem(self) -> str | None:
        if len(self.text) > LONGEST_URL:
            return f"has at most {LONGEST_URL} characters"
        if not storable(self.text) or not all(
            _LOWEST_PRINTABLE <= letter <= _HIGHEST_PRINTABLE for letter in self.text
        ):
            return "is written in ASCII without blanks"
        return self._wrong_parts()

    def _wrong_parts(self) -> str | None:
        try:
            parts = urlsplit(self.text)
            host, has_user = parts.hostname, "@" in parts.netloc
            _ = parts.port
        except ValueError:
            return "is an absolute one, such as https://shop.example/thanks"
        if parts.scheme not in {"http", "https"} or not host or "\\" in self.text:
            return "is an absolute one, such as https://shop.example/thanks"
        if has_user:
            return "names no user"
        return "is https in live mode" if self.live and parts.scheme != "https" else None


def checked(value: str | None, live: bool, field: str) -> str | None:
    """An address that customers are sent to: absolute http(s), https in live mode, without a user (PM82).

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS.
    """
    if value is None:
        return None
    problem = Address(value, live).problem()
    if problem:
        raise _refused(problem, field)
    return value


def _refused(problem: str, field: str) -> Refusal:
    return invalid(f"This address {problem}.", field)


def with_outcome(url: str, outcome: Mapping[str, str]) -> str:
    """The address with what came of the checkout: its own parameters stay, ours win on a clash of names (PM80)."""
    parts = urlsplit(url)
    kept = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in outcome
    ]
    query = urlencode([*kept, *outcome.items()], quote_via=quote)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))
