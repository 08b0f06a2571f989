"""How often instruments may be tried: the defence against those who test stolen cards (SR98).

Whoever tries is counted twice, as a customer and as a card, so that neither many cards of one customer nor one card
of many customers gets far. What is counted is a check at the processor or a declined charge, whichever comes.
"""

import secrets
from datetime import timedelta

from sqlalchemy import Integer, bindparam, delete, func, select
from sqlmodel import col

from saifu.refusals import ErrorCode, Refusal
from saifu.statements import any_of
from saifu.store import Tx
from saifu.tables import Instant, SourceTry

WINDOW = timedelta(hours=1)
MOST_TRIES = 100
"""How many checks and declines a customer, or a card, has within the window."""

_COUNT = (
    select(col(SourceTry.subject), func.count())
    .where(
        any_of(col(SourceTry.subject), "subjects"),
        col(SourceTry.tried_at) > bindparam("since", type_=Instant()),
    )
    .group_by(col(SourceTry.subject))
)
_OLD = (
    select(col(SourceTry.id))
    .where(col(SourceTry.tried_at) <= bindparam("until", type_=Instant()))
    .limit(bindparam("batch", type_=Integer))
)
_FORGET = delete(SourceTry).where(any_of(col(SourceTry.id), "ids"))


def refuse(tx: Tx, *subjects: str | None) -> None:
    """Refuse to try again for now.

    Args:
        subjects: the customer's id and the instrument's fingerprint, as far as they are known.

    Raises:
        Refusal: TOO_MANY_REQUESTS (SR98).
    """
    known = [each for each in subjects if each is not None]
    counted = tx.all(_COUNT, subjects=known, since=tx.now - WINDOW) if known else []
    if any(count >= MOST_TRIES for _, count in counted):
        raise Refusal(ErrorCode.TOO_MANY_REQUESTS, "This was tried too often. Try again in an hour.")


def count(tx: Tx, *subjects: str | None) -> None:
    """Remember one try of each of them."""
    for subject in subjects:
        if subject is not None:
            tx.insert(SourceTry(id=secrets.token_hex(16), subject=subject, tried_at=tx.now))


def forget(tx: Tx, batch: int) -> int:
    """Delete what no window reaches any more; answers how many rows there were."""
    old = [row[0] for row in tx.all(_OLD, until=tx.now - WINDOW, batch=batch)]
    return tx.run(_FORGET, ids=old) if old else 0
