"""Identifiers: a prefix that says what it is and a time-sortable random body (G4, A2)."""

import random
import secrets
import threading
import time

PREFIXES = {
    "cus": "Customer",
    "wlt": "Wallet",
    "cwt": "LedgerEntry",
    "lot": "Lot",
    "evt": "Event",
    "key": "ApiKey",
    "cse": "CustomerSession",
    "blk": "CustomerBlock",
    "aud": "AuditRecord",
    "src": "Source",
    "tok": "token of the simulator",
    "pay": "Payment",
    "pat": "PaymentAttempt",
    "ref": "Refund",
    "dsp": "Dispute",
    "inv": "Invoice",
    "rcp": "Receipt",
    "itm": "line of a payment",
    "cks": "CheckoutSession",
    "cbk": "callback of the simulator",
    "scr": "script of the simulator",
    "req": "request, in logs and audit records",
}
_RANDOM_BITS = 80
_STEP_BITS = 56
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Two characters at a time: an id is made for every request, and for every row.
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -1, -10)
_TIME_SHIFTS = range(40, -1, -10)
_RANDOM_LETTERS = 16
_LETTERS = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))
_time = (0, "")
_lock = threading.Lock()
_last = 0


def new_id(prefix: str) -> str:
    """A fresh id such as `cus_01J8…`: 26 characters of Crockford base 32, later ids sorting later.

    Within a process ids only rise, also inside one millisecond and when the machine's clock jumps
    back, so that rows made together sort in the order they were made. The step between two of them
    is random (56 bits), so that one id does not give away the next.
    """
    global _last  # noqa: PLW0603 - one counter per process is the point
    assert prefix in PREFIXES, prefix
    fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    with _lock:
        _last = (
            fresh
            if fresh >> _RANDOM_BITS > _last >> _RANDOM_BITS
            else _last + 1 + secrets.randbits(_STEP_BITS)
        )
        body = _last
    return f"{prefix}_{''.join([_PAIRS[body >> shift & 1023] for shift in _SHIFTS])}"


def request_id() -> str:
    """An id that looks like the others, and costs a fifth: there is one in every request.

    Its time sorts, to the millisecond; the rest is random and no secret.
    """
    global _time  # noqa: PLW0603 - most requests share their millisecond with others
    now_ms = time.time_ns() // 1_000_000
    if now_ms != _time[0]:
        _time = (now_ms, "req_" + "".join([_PAIRS[now_ms >> shift & 1023] for shift in _TIME_SHIFTS]))
    number = random.getrandbits(8 * _RANDOM_LETTERS)  # unique is all it has to be
    return _time[1] + number.to_bytes(_RANDOM_LETTERS).translate(_LETTERS).decode()


def prefix_of(object_id: str) -> str:
    return object_id.partition("_")[0]


def wallet_id(customer_id: str, currency: str) -> str:
    """A wallet is the pair of customer and currency (W1), so its id is made of both."""
    return f"wlt_{customer_id.partition('_')[2]}_{currency}"


def wallet_key(object_id: str) -> tuple[str, str] | None:
    """The (customer id, currency) that a wallet id was made of, or None when it is not one."""
    prefix, _, rest = object_id.partition("_")
    body, _, currency = rest.rpartition("_")
    return (f"cus_{body}", currency) if prefix == "wlt" and body and currency else None
