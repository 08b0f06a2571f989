"""What clients may ask of a new source, and of its owner and mandate (SR20-SR24, §10)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from saifu import fields
from saifu.checkout import urls
from saifu.clock import rfc3339
from saifu.money import MAX_MINOR_UNITS
from saifu.refusals import ErrorCode, Refusal, camel_case, invalid

from . import iban, mandates
from .kinds import KINDS, SourceFlow, SourceType, SourceUsage

OWNER_SHORTEST = 3
_DESCRIPTOR_LONGEST = 22
_DESCRIPTOR = re.compile(r"[^<>'\"\x00-\x1f\x7f]{1,22}")
_GIVEN: Mapping[SourceType, tuple[str, ...]] = {
    SourceType.CARD: ("token",),
    SourceType.SEPA_DEBIT: ("iban",),
    SourceType.ACH_DEBIT: ("account_number", "routing_number"),
    SourceType.UPI: ("vpa",),
}
"""What a type is made of; of all others nothing is asked but where the customer comes back to."""

OFFERED = frozenset(
    {
        SourceType.CARD,
        SourceType.SEPA_DEBIT,
        SourceType.IDEAL,
        SourceType.ACH_CREDIT_TRANSFER,
        SourceType.ACH_DEBIT,
        SourceType.UPI,
    }
)
"""The types that can be made (§2)."""


@dataclass(frozen=True, slots=True)
class NewMandate:
    """What a customer agreed to, and how we know (§10, SR80).

    Attributes:
        status: of the acceptance, `accepted` or `pending`.
        type: `online` (needs `ip` and `user_agent`) or `offline` (needs `contact_email`).
        amount_minor: the most that one debit may take; None for any amount.
        interval: `one_time`, `scheduled` or `variable`.
        notification_method: `manual` or `none`.
    """

    status: str
    type: str
    ip: str | None = None
    user_agent: str | None = None
    contact_email: str | None = None
    amount_minor: int | None = None
    interval: str = "variable"
    notification_method: str = "none"

    def acceptance(self, now: datetime) -> dict[str, Any]:
        """The evidence as it is stored (SR80)."""
        return {
            "status": self.status,
            "type": self.type,
            "date": rfc3339(now) if self.status == mandates.ACCEPTED else None,
            "ip": self.ip,
            "user_agent": self.user_agent,
            "contact_email": self.contact_email,
        }


@dataclass(frozen=True, slots=True)
class NewSource:
    """A new source as a client asks for it (SR20). `secrets` is what the type is made of, which nobody here keeps.

    Attributes:
        usage: None for what is natural for the type.
        owner: `name`, `email`, `phone`, `address`; a map.
        secrets: `token`, `iban`, `account_number`, `routing_number` or `vpa`. Never logged.
    """

    type: SourceType
    usage: SourceUsage | None = None
    amount_minor: int | None = None
    currency: str | None = None
    owner: Mapping[str, Any] | None = None
    return_url: str | None = None
    mandate: NewMandate | None = None
    statement_descriptor: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def natural_usage(self) -> SourceUsage:
        """The usage asked for, or else the natural one: of UPI it is the mandate that makes it reusable (§2)."""
        if self.usage is not None:
            return self.usage
        if self.type is SourceType.UPI and self.mandate is not None:
            return SourceUsage.REUSABLE
        return KINDS[self.type].usages[0]

    @property
    def identity(self) -> dict[str, Any]:
        """What makes two requests the same (W33)."""
        return {
            "type": self.type.value,
            "usage": self.natural_usage.value,
            "amount": self.amount_minor,
            "currency": self.currency,
            "return_url": self.return_url,
            **self.secrets,
        }


def checked(new: NewSource, *, live: bool) -> NewSource:
    """The request with its texts tidied, or what is wrong with it whoever asks.

    Raises:
        Refusal: PAYMENT_METHOD_UNSUPPORTED, INVALID_BANK_ACCOUNT_IBAN, INVALID_OWNER_NAME, MAXIMUM_KEYS_REACHED,
            UNSUPPORTED_PAYMENT_CURRENCY, INVALID_REQUEST_PARAMETERS.
    """
    if new.type not in OFFERED:
        raise Refusal(
            ErrorCode.PAYMENT_METHOD_UNSUPPORTED,
            f"Sources of type {new.type} cannot be made.",
            ("input", "type"),
        )
    _refuse_usage(new)
    _refuse_amount(new)
    given = _secrets(new)
    tidy = replace(
        new,
        currency=_currency(new),
        owner=owner(new.owner),
        return_url=_return_url(new, live=live),
        statement_descriptor=descriptor(new.statement_descriptor),
        metadata=fields.metadata(new.metadata),
        mandate=_mandate(new),
        secrets=given,
    )
    if tidy.type is SourceType.SEPA_DEBIT:
        _refuse_owner_of_account(tidy.owner or {}, given["iban"][:2])
    return tidy


def owner(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Whose instrument it is.

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS.
    """
    if value is None:
        return None
    name, email = value.get("name"), value.get("email")
    return {
        "name": None if name is None else fields.name(name, "owner", "name"),
        "email": None if email is None else fields.email(email, "owner", "email"),
        "phone": fields.phone_number(value.get("phone"), "owner", "phone"),
        "address": fields.billing_address(value.get("address"), "owner", "address"),
    }


def descriptor(value: str | None) -> str | None:
    """What stands on the customer's statement (§1).

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS.
    """
    if value is None:
        return None
    text = value.strip()
    if not _DESCRIPTOR.fullmatch(text) or text.isdigit() or not fields.storable(text):
        raise invalid(
            f"A statement descriptor has 1 to {_DESCRIPTOR_LONGEST} characters, not only digits, and none of < > ' \".",
            "statementDescriptor",
        )
    return text


def _refuse_usage(new: NewSource) -> None:
    if new.natural_usage not in KINDS[new.type].usages:
        raise invalid(f"A source of type {new.type} cannot be {new.natural_usage}.", "usage")
    if new.type is SourceType.UPI and (new.natural_usage is SourceUsage.REUSABLE) != (
        new.mandate is not None
    ):
        raise invalid("A reusable UPI source has a mandate, and one for a single use has none.", "mandate")


def _refuse_amount(new: NewSource) -> None:
    if new.natural_usage is SourceUsage.SINGLE_USE and (new.amount_minor is None or new.currency is None):
        raise invalid("A source for a single use needs its amount and currency.", "amount")
    if new.amount_minor is None:
        return
    if KINDS[new.type].flow is SourceFlow.RECEIVER:
        raise invalid("What will arrive by transfer is not known before.", "amount")
    if not 1 <= new.amount_minor <= MAX_MINOR_UNITS:
        raise invalid("An amount is at least 1 minor unit.", "amount")


def _currency(new: NewSource) -> str | None:
    allowed = KINDS[new.type].currencies
    if new.currency is not None and allowed and new.currency not in allowed:
        raise Refusal(
            ErrorCode.UNSUPPORTED_PAYMENT_CURRENCY,
            f"A source of type {new.type} is in {' or '.join(allowed)}.",
            ("input", "currency"),
        )
    return new.currency or (allowed[0] if len(allowed) == 1 else None)


def _return_url(new: NewSource, *, live: bool) -> str | None:
    if KINDS[new.type].flow is not SourceFlow.REDIRECT:
        if new.return_url is not None:
            raise invalid("Only a source with a redirect has this.", "returnUrl")
        return None
    if new.return_url is None:
        raise invalid("A source with a redirect needs to know where its customer comes back to.", "returnUrl")
    return urls.checked(new.return_url, live, "returnUrl")


def _secrets(new: NewSource) -> dict[str, str]:
    wanted = _GIVEN.get(new.type, ())
    for name in [*wanted, *new.secrets]:
        if name not in wanted:
            raise invalid(f"A source of type {new.type} is not made of this.", camel_case(name))
        if not new.secrets.get(name):
            raise invalid(f"A source of type {new.type} is made of this.", camel_case(name))
    given = dict(new.secrets)
    return {**given, "iban": iban.checked(given["iban"])} if "iban" in given else given


def _refuse_owner_of_account(who: Mapping[str, Any], country: str) -> None:
    if len(who.get("name") or "") < OWNER_SHORTEST:
        raise Refusal(
            ErrorCode.INVALID_OWNER_NAME,
            f"The owner of an account has a name of at least {OWNER_SHORTEST} characters.",
            ("input", "owner", "name"),
        )
    address = who.get("address") or {}
    if country in iban.NEEDS_ADDRESS and not address.get("street"):
        raise invalid("Of an account in this country the owner's address is needed.", "owner", "address")


def _mandate(new: NewSource) -> NewMandate | None:
    if new.mandate is None:
        if KINDS[new.type].has_mandate:
            raise invalid("A debit needs its customer's mandate.", "mandate")
        return None
    if not KINDS[new.type].has_mandate and new.type is not SourceType.UPI:
        raise invalid(f"A source of type {new.type} has no mandate.", "mandate")
    if new.mandate.status not in (mandates.ACCEPTED, mandates.PENDING):
        raise invalid("A new mandate is accepted, or waits for that.", "mandate", "status")
    evidence(new.mandate)
    if new.mandate.amount_minor is not None and not 1 <= new.mandate.amount_minor <= MAX_MINOR_UNITS:
        raise invalid("An amount is at least 1 minor unit.", "mandate", "amount")
    return new.mandate


def evidence(mandate: NewMandate) -> None:
    """Refuse an acceptance that nobody could prove (SR80).

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS.
    """
    if mandate.type == "offline" and mandate.contact_email is None:
        raise invalid("A mandate given offline needs a contact address.", "mandate", "contactEmail")
    online = mandate.type == "online" and mandate.status == mandates.ACCEPTED
    if online and not (mandate.ip and mandate.user_agent):
        raise invalid("A mandate given online needs the customer's address and browser.", "mandate", "ip")
    if mandate.contact_email is not None:
        fields.email(mandate.contact_email, "mandate", "contactEmail")
    for text in (mandate.ip, mandate.user_agent):
        if text is not None and not (fields.storable(text) and len(text) <= fields.MAX_REASON):
            raise invalid("The evidence of a mandate is a short text.", "mandate")
