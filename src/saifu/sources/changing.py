"""A change of a source by its business, and its way out of a customer's hands (§9, §10); one transaction each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from saifu import audit, events, fields, locks
from saifu.events import EventType
from saifu.fields import UNSET, Unset
from saifu.idempotency import Outcome, once
from saifu.payments.rules import PaymentRules
from saifu.refusals import ErrorCode, Refusal, StaleVersion
from saifu.store import Tx
from saifu.tables import Customer, Source

from . import asked, completing, detaching, rows
from .asked import NewMandate

_PATH = ("input", "sourceId")


@dataclass(frozen=True, slots=True)
class SourceChange:
    """What is to change; what is not sent stays, and None clears it.

    Attributes:
        acceptance: what the customer has decided of the mandate since: `accepted`, `refused` or `revoked`.
    """

    metadata: Mapping[str, Any] | Unset | None = UNSET
    owner: Mapping[str, Any] | Unset | None = UNSET
    statement_descriptor: str | Unset | None = UNSET
    acceptance: NewMandate | None = None
    expected_version: int | None = None

    def columns(self) -> dict[str, Any]:
        """The columns that are sent, checked.

        Raises:
            Refusal: INVALID_REQUEST_PARAMETERS, MAXIMUM_KEYS_REACHED.
        """
        columns: dict[str, Any] = {}
        if self.metadata is not UNSET:
            columns["metadata_json"] = orjson.dumps(fields.metadata(self.metadata)).decode()
        if self.owner is not UNSET:
            columns["owner_json"] = rows.packed(asked.owner(self.owner))
        if self.statement_descriptor is not UNSET:
            columns["statement_descriptor"] = asked.descriptor(self.statement_descriptor)
        return columns


def update(
    tx: Tx, source_id: str, change: SourceChange, key: str | None, rules: PaymentRules
) -> Outcome[Source]:
    """Change what was sent; the same as before leaves no event (CU26).

    Raises:
        Refusal: NOT_FOUND, INVALID_REQUEST_PARAMETERS, MAXIMUM_KEYS_REACHED, SOURCE_STATE_CONFLICT (SR13).
        StaleVersion: `expected_version` is not the current one.
    """
    columns = change.columns()
    _, source = guarded(tx, source_id)
    accepted = change.acceptance.status if change.acceptance else None
    # Each value stands in a list, since clearing a field and leaving it out are two requests.
    identity = {name: [value] for name, value in columns.items()}
    request = {**identity, "source_id": source_id, "acceptance": accepted, "version": change.expected_version}

    def do() -> str:
        if change.expected_version is not None and change.expected_version != source.version:
            raise StaleVersion(source.version)
        return _update(tx, source, columns, change.acceptance, rules)

    done = once(tx, key, "sourceUpdate", request, do)
    return Outcome(rows.locked(tx, done.object_id), done.replayed)


def detach(tx: Tx, customer_id: str, source_id: str, key: str | None) -> Outcome[Source]:
    """Take a source from its customer, for good (SR70, SR71).

    Raises:
        Refusal: NOT_FOUND, SOURCE_NOT_ATTACHED (SR70, SR76).
    """
    customer = locks.lock(tx, customer_id)

    def do() -> str:
        gone = detaching.detach_in(tx, customer, rows.locked(tx, source_id))
        audit.record(tx, "sourceDetach", gone.id, customer.id)
        return gone.id

    done = once(tx, key, "sourceDetach", {"customer_id": customer_id, "source_id": source_id}, do)
    return Outcome(rows.locked(tx, done.object_id), done.replayed)


def guarded(tx: Tx, source_id: str) -> tuple[Customer | None, Source]:
    """A source and the customer that it is attached to, both locked, in that order.

    Raises:
        Refusal: NOT_FOUND; SOURCE_STATE_CONFLICT, it was attached or detached in this very moment.
    """
    known = rows.get(tx, source_id)
    customer = locks.lock(tx, known.customer_id) if known is not None and known.customer_id else None
    source = rows.locked(tx, source_id)
    if source.customer_id != (customer.id if customer else None):
        raise Refusal(ErrorCode.SOURCE_STATE_CONFLICT, "The source changes at the moment. Try again.", _PATH)
    return customer, source


def _update(
    tx: Tx, source: Source, columns: Mapping[str, Any], acceptance: NewMandate | None, rules: PaymentRules
) -> str:
    if any(getattr(source, name) != value for name, value in columns.items()):
        source = rows.save(tx, source, columns)
        if source.customer_id is not None:
            data = rows.snapshot(source)
            events.append(tx, source.customer_id, EventType.CUSTOMER_SOURCE_UPDATED, source.id, data)
        audit.record(tx, "sourceUpdate", source.id, source.customer_id, {"fields": sorted(columns)})
    if acceptance is not None:
        completing.accepted(tx, source, acceptance, rules)
        audit.record(tx, "sourceUpdate", source.id, source.customer_id, {"acceptance": acceptance.status})
    return source.id
