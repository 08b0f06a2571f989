"""What kinds of sources there are, and how each behaves (sources.md §1, §2). Data, not code."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType


class SourceType(StrEnum):
    """Which instrument it is (§2)."""

    CARD = "card"
    THREE_D_SECURE = "three_d_secure"
    SEPA_DEBIT = "sepa_debit"
    ACH_DEBIT = "ach_debit"
    IDEAL = "ideal"
    BANCONTACT = "bancontact"
    EPS = "eps"
    GIROPAY = "giropay"
    P24 = "p24"
    ALIPAY = "alipay"
    WECHAT = "wechat"
    SOFORT = "sofort"
    MULTIBANCO = "multibanco"
    ACH_CREDIT_TRANSFER = "ach_credit_transfer"
    UPI = "upi"


class SourceStatus(StrEnum):
    """Where a source stands (§3); only a chargeable one can be charged."""

    PENDING = "pending"
    CHARGEABLE = "chargeable"
    CONSUMED = "consumed"
    FAILED = "failed"
    CANCELED = "canceled"


class SourceUsage(StrEnum):
    """How often it can be charged; fixed when it is made."""

    REUSABLE = "reusable"
    SINGLE_USE = "single_use"


class SourceFlow(StrEnum):
    """What the customer does to make it chargeable."""

    NONE = "none"
    REDIRECT = "redirect"
    RECEIVER = "receiver"
    CODE_VERIFICATION = "code_verification"


PENDING_FOR: Mapping[SourceFlow, timedelta] = MappingProxyType(
    {
        SourceFlow.REDIRECT: timedelta(hours=1),
        SourceFlow.CODE_VERIFICATION: timedelta(hours=24),
        SourceFlow.RECEIVER: timedelta(days=30),
    }
)
"""How long its customer has to complete a source (SR5); a mandate without a flow waits for as long as it takes."""

CHARGEABLE_FOR = timedelta(hours=6)
"""How long an authorised push or redirect source waits for its charge (SR11)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How sources of a type behave.

    Attributes:
        flow: what their customer does.
        usages: what they may be made for; the first is the natural one (SR20).
        currencies: the only ones they can be charged in; empty for any.
        is_push: the customer sends the money, so a charge only keeps what is there already (SR62).
        limit_minor: the most that one charge may take (SR63).
        has_mandate: whether it is charged under a mandate (§10).
    """

    flow: SourceFlow
    usages: tuple[SourceUsage, ...]
    currencies: tuple[str, ...] = ()
    is_push: bool = False
    limit_minor: int | None = None
    has_mandate: bool = False

    @property
    def lapses(self) -> bool:
        """Whether it is given up when nobody charges it in time (SR11); cards and debits stay until they are used."""
        return self.flow is SourceFlow.REDIRECT or (self.is_push and SourceUsage.REUSABLE not in self.usages)


_REUSABLE, _SINGLE_USE = SourceUsage.REUSABLE, SourceUsage.SINGLE_USE
_ONCE = (_SINGLE_USE,)


def _push(*currencies: str) -> Kind:
    return Kind(SourceFlow.REDIRECT, _ONCE, currencies, is_push=True)


KINDS: Mapping[SourceType, Kind] = MappingProxyType(
    {
        SourceType.CARD: Kind(SourceFlow.NONE, (_REUSABLE, _SINGLE_USE)),
        SourceType.THREE_D_SECURE: Kind(SourceFlow.REDIRECT, _ONCE),
        SourceType.SEPA_DEBIT: Kind(
            SourceFlow.NONE, (_REUSABLE,), ("EUR",), limit_minor=10_000_00, has_mandate=True
        ),
        SourceType.ACH_DEBIT: Kind(SourceFlow.CODE_VERIFICATION, (_REUSABLE,), ("USD",)),
        SourceType.IDEAL: _push("EUR"),
        SourceType.BANCONTACT: _push("EUR"),
        SourceType.EPS: _push("EUR"),
        SourceType.GIROPAY: _push("EUR"),
        SourceType.P24: _push("EUR", "PLN"),
        SourceType.ALIPAY: _push(),
        SourceType.WECHAT: _push(),
        SourceType.SOFORT: _push("EUR"),
        SourceType.MULTIBANCO: Kind(SourceFlow.RECEIVER, _ONCE, ("EUR",), is_push=True),
        SourceType.ACH_CREDIT_TRANSFER: Kind(SourceFlow.RECEIVER, (_REUSABLE,), ("USD",), is_push=True),
        SourceType.UPI: Kind(SourceFlow.REDIRECT, (_SINGLE_USE, _REUSABLE), ("INR",)),
    }
)
assert KINDS.keys() == set(SourceType)
