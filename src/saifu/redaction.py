"""Redaction: what may be written to a log (S22). Names are allowed one by one, and every text is scrubbed.

An event's field is shown only when its name is in `ALLOWED_FIELDS`; a name that is not stands in `withheld`, so that
whoever added it sees at once that it needs a decision. What is shown has lost everything that looks like a key, a
token, the credentials of a URL or a card number, however deep it was nested.
"""

import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

ALLOWED_FIELDS = frozenset(
    name
    for names in (
        # what every line has
        "event level timestamp logger request_id exception stack withheld note",
        # who and what: ids and kinds, never names, addresses, reasons or amounts
        "actor actor_type customer_id wallet_id currency entry_id lot_id event_id event_type key_id object_id",
        "session_id payment_id processor kind",
        # the request
        "operation operation_type mutation field path method status code error error_type duration_ms replayed",
        # the database
        "engine database revision head attempt attempts retry_in_s position sequence cursor rows version transaction",
        # the process
        "address host port mode pid process signal count total batch lag_s timeout_s interval_s sockets requests",
        "streams subject job worker leader phase setting url link task done more what after_s",
    )
    for name in names.split()
)

REDACTED = "[redacted]"
_LONGEST_TEXT = 32_768
_DEEPEST = 6
_CARD_DIGITS = range(13, 20)

_SECRETS = (
    # our own keys and session tokens, also where they are glued to what stands before; the prefix stays
    (re.compile(r"(sk_(?:test|live)_)[A-Za-z0-9_-]+"), rf"\1{REDACTED}"),
    (re.compile(r"(c[st]_|dt_)[A-Za-z0-9_-]{16,}"), rf"\1{REDACTED}"),
    # the simulator's pages and tokens
    (re.compile(r"(\b(?:pt|tok)_)[A-Za-z0-9_-]{16,}"), rf"\1{REDACTED}"),
    # the whole value of an Authorization header, however the header was printed
    (re.compile(r"""(?i)\b((?:proxy-)?authorization\W{1,6}(?:b['"])?)[^\r\n"',;}\]]+"""), rf"\1{REDACTED}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {REDACTED}"),
    # user and password of a URL
    (re.compile(r"(://)[^\s/@]+@"), rf"\1{REDACTED}@"),
    # SQLAlchemy prints the values of a failed statement
    (re.compile(r"\[parameters: [^\n]*"), f"[parameters: {REDACTED}]"),
)
_DIGIT_RUN = re.compile(r"\d(?:[ -]?\d){12,}")
# A terminal obeys these, and a line break would let one text pass for two lines.
_CONTROLS = {
    code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160)) if chr(code) not in "\n\t"
}


def scrubbed(value: Any, depth: int = 0) -> Any:
    """The value as it may be logged: plain data of the same shape, without secrets.

    Numbers are looked at too: a card number is one. What is nested deeper than six levels is left out, texts are cut
    at 32 768 characters, and objects are shown as their text.
    """
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return REDACTED if depth >= _DEEPEST else _scrubbed_inside(value, depth + 1)
    shown = scrub(str(value))
    return value if isinstance(value, int) and shown == str(value) else shown


def _scrubbed_inside(values: Any, depth: int) -> Any:
    if isinstance(values, Mapping):
        return {scrub(str(key)): scrubbed(each, depth) for key, each in values.items()}
    return [scrubbed(each, depth) for each in values]


def scrub(text: str) -> str:
    """The text without keys, tokens, credentials and card numbers (S22, S23)."""
    text = text[:_LONGEST_TEXT]
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return _DIGIT_RUN.sub(_without_cards, text).translate(_CONTROLS)


def allowed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that may be logged, scrubbed; the names of the others stand in `withheld`."""
    shown = {name: scrubbed(value) for name, value in fields.items() if name in ALLOWED_FIELDS}
    withheld = sorted(scrub(name) for name in fields.keys() - ALLOWED_FIELDS)
    return shown | ({"withheld": withheld} if withheld else {})


def _without_cards(run: re.Match[str]) -> str:
    """The run of digits, or the redaction mark when any of its groups together make a card number.

    "4111 1111 1111 1111 12/28" begins with one run of 18 digits: whatever stands between two separators is tried,
    since a card number that has a neighbour is still one.
    """
    groups = re.split("[ -]", run[0])
    digits = [int(digit) for group in groups for digit in group]
    edges = [0, *accumulate(len(group) for group in groups)]
    # No window has more groups than a card number has digits, so a long run costs no more per digit than a short one.
    windows = (digits[start:end] for at, start in enumerate(edges) for end in edges[at + 1 : at + 20])
    found = any(len(window) in _CARD_DIGITS and passes_luhn(window) for window in windows)
    return REDACTED if found else run[0]


def passes_luhn(digits: list[int]) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
