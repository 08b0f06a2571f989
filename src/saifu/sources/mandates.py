"""Mandates of bank debits: what they allow, and what their customer is told (SR80-SR86)."""

from collections.abc import Mapping
from typing import Any

from saifu import events
from saifu.events import EventType
from saifu.payments.rules import PaymentRules
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Tx
from saifu.tables import Source

from . import rows

ACCEPTED, PENDING, REFUSED, REVOKED = "accepted", "pending", "refused", "revoked"
ONE_TIME = "one_time"


def refuse(source: Source, amount_minor: int) -> None:
    """Refuse a debit that the mandate does not allow.

    Raises:
        Refusal: MANDATE_INVALID (SR83).
    """
    mandate = rows.unpacked(source.mandate_json)
    if mandate is None:
        return
    limit_minor = mandate.get("amount")
    if limit_minor is not None and amount_minor > limit_minor:
        raise _invalid(f"The mandate allows at most {limit_minor} minor units.", "amount")
    if mandate["interval"] == ONE_TIME and mandate.get("used_by") is not None:
        raise _invalid("The mandate allowed one debit, which was made.", "sourceId")


def claimed(source: Source, payment_id: str) -> dict[str, Any]:
    """The columns that reserve a mandate of one debit for a payment; none for all others.

    Raises:
        Refusal: MANDATE_INVALID, another payment has it (SR83).
    """
    mandate = rows.unpacked(source.mandate_json)
    if mandate is None or mandate["interval"] != ONE_TIME:
        return {}
    if mandate.get("used_by") not in (None, payment_id):
        raise _invalid("The mandate allowed one debit, which was made.", "sourceId")
    return {"mandate_json": rows.packed({**mandate, "used_by": payment_id})}


def released(source: Source, payment_id: str) -> dict[str, Any]:
    """The columns that give the one debit back, which did not succeed."""
    mandate = rows.unpacked(source.mandate_json)
    if mandate is None or mandate.get("used_by") != payment_id:
        return {}
    return {"mandate_json": rows.packed({**mandate, "used_by": None})}


def revoked(source: Source) -> dict[str, Any]:
    """The columns of a source whose mandate was withdrawn (SR84)."""
    mandate = rows.unpacked(source.mandate_json)
    if mandate is None:
        return {}
    acceptance = {**mandate["acceptance"], "status": REVOKED}
    return {"mandate_json": rows.packed({**mandate, "acceptance": acceptance})}


def notify(tx: Tx, source: Source, payment: Mapping[str, Any] | None, rules: PaymentRules) -> None:
    """Have the customer told of a mandate, or of a debit under it that was just made (SR81, SR82).

    An event is appended where the mandate leaves the telling to the business (`manual`). Call it when a payment by
    debit is accepted, which is soon enough: our mandates say two days ahead.

    Args:
        payment: the payment's snapshot; None when the mandate was confirmed.
    """
    mandate = rows.unpacked(source.mandate_json)
    if mandate is None or mandate["notification_method"] != "manual":
        return
    detail = rows.unpacked(source.detail_json) or {}
    data = {
        "source_id": source.id,
        "customer": source.customer_id,
        "reason": "mandate_confirmed" if payment is None else "debit_initiated",
        "mandate_reference": mandate["reference"],
        "mandate_url": mandate.get("url"),
        "last4": detail.get("last4"),
        "amount": None if payment is None else payment["source_amount"],
        "currency": source.currency if payment is None else payment["currency"],
        "payment_id": None if payment is None else payment["payment_id"],
        "creditor_identifier": rules.business_id,
        "business_name": rules.business_name,
        "business_contact": rules.business_contact,
    }
    events.append(tx, source.customer_id, EventType.SOURCE_MANDATE_NOTIFICATION, source.id, data)


def _invalid(message: str, field: str) -> Refusal:
    return Refusal(ErrorCode.MANDATE_INVALID, message, ("input", field))
