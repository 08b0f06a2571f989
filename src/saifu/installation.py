"""Which business and mode a database belongs to (ruling 5), and where its log begins."""

from sqlalchemy import bindparam, update
from sqlmodel import col, select

from .store import Tx
from .tables import Installation

_ONLY = 1
_INSTALLATION = select(Installation)
_LOCKED = select(Installation).with_for_update()
_RAISE_FLOOR = (
    update(Installation)
    .where(col(Installation.log_floor) < bindparam("floor"))
    .values(log_floor=bindparam("floor"))
)


class WrongInstallation(Exception):
    """The database belongs to another business, or to the other mode."""


def ensure(tx: Tx, business_id: str, mode: str) -> bool:
    """Make a fresh database this installation's own; answers whether it was fresh. The row is locked from here on.

    Raises:
        WrongInstallation: live money is never served as a test, nor one business's as another's.
    """
    known = tx.first(_LOCKED)
    if known is None:
        tx.insert(Installation(id=_ONLY, business_id=business_id, mode=mode, log_floor=0, created_at=tx.now))
        return True
    if (known.business_id, known.mode) != (business_id, mode):
        raise WrongInstallation(
            f"The database belongs to {known.business_id} in {known.mode} mode, and the settings say "
            f"{business_id} in {mode} mode. Set SAIFU_BUSINESS_ID and SAIFU_MODE back, or use another database."
        )
    return False


def log_floor(tx: Tx) -> int:
    """Events up to this position have been dropped; 0 while all are kept."""
    known = tx.first(_INSTALLATION)
    return known.log_floor if known else 0


def raise_log_floor(tx: Tx, floor: int) -> None:
    tx.run(_RAISE_FLOOR, floor=floor)
