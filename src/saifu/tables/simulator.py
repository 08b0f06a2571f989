"""What the simulator knows: it plays the outside world, so nothing here refers to a table of the house, nor back."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy import text as where
from sqlmodel import Field

from .base import Row, instant, minor, text


class SimulatorHouse(Row, table=True):
    """The one row of an installation's simulator: the secret that it signs and fingerprints with (SR93)."""

    __tablename__ = "simulator_house"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    secret: str
    created_at: datetime = instant()


class SimulatorToken(Row, table=True):
    """A token, known by its hash; of the card it stood for only what SR92 allows, and how it will behave."""

    __tablename__ = "simulator_token"
    token_hash: str = Field(primary_key=True)
    behaviour: str
    detail_json: str = text()
    fingerprint: str
    used_by: str | None = None
    created_at: datetime = instant()
    expires_at: datetime = instant()


class SimulatorInstrument(Row, table=True):
    """A card or account. `next_status` is what it becomes by itself at `due_at`; `is_set_up` after a 3DS."""

    __tablename__ = "simulator_instrument"
    __table_args__ = (Index("simulator_instrument_page", "page_hash"),)
    ref: str = Field(primary_key=True)
    reference: str
    type: str
    behaviour: str
    status: str
    next_status: str | None = None
    due_at: datetime | None = instant()
    failure_reason: str | None = None
    detail_json: str = text()
    fingerprint: str | None = None
    amount_minor: int | None = minor()
    received_minor: int | None = minor()
    currency: str | None = None
    return_url: str | None = text()
    page_hash: str | None = None
    is_set_up: bool
    created_at: datetime = instant()


class SimulatorCharge(Row, table=True):
    """A charge, one for each reference. What it becomes at `due_at` is decided when it is made (PM95).

    `answers_at` is until when nobody is told of it, `replays_fault` whether the same order gets the same fault again.
    """

    __tablename__ = "simulator_charge"
    __table_args__ = (
        Index("simulator_charge_page", "page_hash"),
        Index("simulator_charge_of_instrument", "instrument_ref"),
    )
    reference: str = Field(primary_key=True)
    ref: str
    instrument_ref: str
    amount_minor: int = minor()
    currency: str
    state: str
    code: str | None = None
    raw_code: str | None = None
    next_state: str | None = None
    next_code: str | None = None
    due_at: datetime | None = instant()
    answers_at: datetime | None = instant()
    replays_fault: bool
    page_hash: str | None = None
    return_url: str | None = text()
    three_ds_status: str | None = None
    created_at: datetime = instant()
    updated_at: datetime = instant()


class SimulatorRefund(Row, table=True):
    """A refund, one for each reference; `next_state` at `due_at`."""

    __tablename__ = "simulator_refund"
    __table_args__ = (Index("simulator_refund_of_charge", "charge_reference"),)
    reference: str = Field(primary_key=True)
    ref: str
    charge_reference: str
    amount_minor: int = minor()
    currency: str
    state: str
    next_state: str | None = None
    due_at: datetime | None = instant()
    failure_reason: str | None = None
    network_reference: str | None = None
    created_at: datetime = instant()


class SimulatorDispute(Row, table=True):
    """A dispute, which nobody hears of before `opens_at`; `next_outcome` at `due_at`."""

    __tablename__ = "simulator_dispute"
    __table_args__ = (Index("simulator_dispute_of_charge", "charge_reference"),)
    ref: str = Field(primary_key=True)
    charge_reference: str
    amount_minor: int = minor()
    currency: str
    stage: str
    reason: str
    outcome: str | None = None
    next_outcome: str | None = None
    due_at: datetime | None = instant()
    is_final: bool
    opens_at: datetime = instant()
    respond_by: datetime | None = instant()


class SimulatorScript(Row, table=True):
    """An outcome that waits for the next charge of an instrument, or of any; `used_by` is that charge (PM96)."""

    __tablename__ = "simulator_script"
    __table_args__ = (
        Index(
            "simulator_script_waiting",
            "target",
            "id",
            sqlite_where=where("used_by IS NULL"),
            postgresql_where=where("used_by IS NULL"),
        ),
    )
    id: str = Field(primary_key=True)
    target: str
    outcome: str
    used_by: str | None = None
    created_at: datetime = instant()


class SimulatorCallback(Row, table=True):
    """A callback to us: due at `due_at`, in the order of `position`, and sent `copies` times."""

    __tablename__ = "simulator_callback"
    __table_args__ = (
        Index(
            "simulator_callback_due",
            "due_at",
            "position",
            "id",
            sqlite_where=where("delivered_at IS NULL"),
            postgresql_where=where("delivered_at IS NULL"),
        ),
    )
    id: str = Field(primary_key=True)
    kind: str
    reference: str
    processor_ref: str
    due_at: datetime = instant()
    position: int
    copies: int
    attempts: int
    delivered_at: datetime | None = instant()
    created_at: datetime = instant()
