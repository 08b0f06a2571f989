"""Settings: everything that is chosen from outside, read from the environment once, at start.

Each is `SAIFU_` and the name of the field in capitals. An empty variable is one that is not set. A wrong value or
an unknown name stops the program before it touches anything, with a text that names the variable and shows a
right value, and never repeats one that may hold a secret.
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, PlainValidator, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from saifu import setting_values as values
from saifu.setting_values import UsdRate

PREFIX = "SAIFU_"
# Variables of the test suite, which live beside ours in a developer's shell.
FOREIGN_PREFIX = "SAIFU_TEST_"
SECRETS = frozenset({"admin_key", "database_url", "nats_url", "stripe_secret_key", "stripe_webhook_secret"})
_LONGEST_ECHO = 60

OptionalDays = Annotated[int | None, PlainValidator(values.or_none(values.whole(1, 3650)))]


class Settings(BaseSettings):
    """The settings of one process; they do not change while it runs."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    host: Annotated[str, PlainValidator(values.host)] = Field(
        default="127.0.0.1",
        description="The address to listen on; 0.0.0.0 or :: listens on all of the machine's.",
        examples=["127.0.0.1"],
    )
    port: Annotated[int, PlainValidator(values.whole(0, 65535))] = Field(
        default=8000,
        description="The port to listen on; 0 takes any free one and prints it.",
        examples=["8000"],
    )
    database_url: Annotated[str, PlainValidator(values.database_url)] = Field(
        default="sqlite+aiosqlite:///.saifu/saifu.db",
        repr=False,
        description="A SQLite file (a relative path starts at the working folder) or a PostgreSQL database.",
        examples=["postgresql+asyncpg://saifu:password@127.0.0.1:5432/saifu"],
    )
    mode: Annotated[Literal["test", "live"], PlainValidator(values.one_of("test", "live"))] = Field(
        default="test",
        description="Whether this installation's money is real; test clocks and the simulator are for test only.",
        examples=["live"],
    )
    admin_key: SecretStr | None = Field(
        default=None,
        description="An admin key given from outside, for automation: sk_, the mode, and 32 random characters or "
        "more. Without it `saifu serve` makes one for a fresh database and prints it once.",
        examples=["sk_test_$(openssl rand -hex 24)"],
    )
    currencies: Annotated[tuple[str, ...], NoDecode, PlainValidator(values.currencies)] = Field(
        default=("USD", "INR"),
        description="The currencies in which every customer gets a wallet, in the order they are shown.",
        examples=["USD,INR,EUR"],
    )
    nats_url: Annotated[str | None, PlainValidator(values.or_none(values.nats_url))] = Field(
        default=None,
        repr=False,
        description="A NATS server that carries wake-ups between processes; without it the database does.",
        examples=["nats://127.0.0.1:4222"],
    )
    usd_rates: Annotated[Mapping[str, UsdRate], NoDecode, PlainValidator(values.usd_rates)] = Field(
        default_factory=lambda: MappingProxyType({}),
        description="For display only: how many units of a currency one US dollar buys, and the day that was so.",
        examples=["INR=83.00@2026-01-31,EUR=0.92@2026-01-31"],
    )
    low_balance_thresholds: Annotated[
        Mapping[str, int], NoDecode, PlainValidator(values.low_balance_thresholds)
    ] = Field(
        default_factory=lambda: MappingProxyType({}),
        description="Per currency, in minor units: a wallet without a threshold of its own alerts below this.",
        examples=["USD=1000,INR=50000"],
    )
    promotional_expiry_days: OptionalDays = Field(
        default=None,
        description="How long promotional credits last when the credit does not say; without it they never expire.",
        examples=["365"],
    )
    reversal_grace_days: Annotated[int, PlainValidator(values.whole(0, 3650))] = Field(
        default=7,
        description="How long money lasts that returns to a lot which has expired meanwhile; 0 lets it expire at once.",
        examples=["7"],
    )
    expiry_notice_days: Annotated[int, PlainValidator(values.whole(1, 365))] = Field(
        default=7, description="How long before funds expire their owner is told.", examples=["7"]
    )
    event_retention_days: Annotated[int, PlainValidator(values.whole(1, 3650))] = Field(
        default=90,
        description="How long events are kept, and so how long a stream can be resumed.",
        examples=["90"],
    )
    business_id: Annotated[str, PlainValidator(values.business_id)] = Field(
        default="bus_default",
        description="The id of the business, as events and objects carry it.",
        examples=["bus_acme"],
    )
    log_format: Annotated[
        Literal["auto", "console", "json"], PlainValidator(values.one_of("auto", "console", "json"))
    ] = Field(
        default="auto",
        description="How log lines look: auto is console on a terminal and json elsewhere.",
        examples=["json"],
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        PlainValidator(values.one_of("debug", "info", "warning", "error")),
    ] = Field(default="info", description="The least severe level that is logged.", examples=["debug"])
    allowed_origins: Annotated[tuple[str, ...], NoDecode, PlainValidator(values.origins)] = Field(
        default=(),
        description="Web pages of which origins may call, over HTTP (CORS) and websocket alike; pages that the "
        "gateway serves itself always may.",
        examples=["https://shop.example,http://localhost:5173"],
    )
    explorer: Annotated[Literal["auto", "on", "off"], PlainValidator(values.one_of("auto", "on", "off"))] = (
        Field(
            default="auto",
            description="Whether /graphql shows browsers the explorer; auto does in test mode only.",
            examples=["on"],
        )
    )
    max_cost: Annotated[int, PlainValidator(values.whole(1, 10**9))] = Field(
        default=20_000,
        description="The highest cost of one operation: its objects, each times the sizes of the lists around it.",
        examples=["20000"],
    )
    max_depth: Annotated[int, PlainValidator(values.whole(1, 100))] = Field(
        default=20, description="How many fields within one another an operation may have.", examples=["20"]
    )
    max_aliases: Annotated[int, PlainValidator(values.whole(0, 1_000))] = Field(
        default=60, description="How many aliases an operation may have.", examples=["60"]
    )
    max_tokens: Annotated[int, PlainValidator(values.whole(10, 10_000))] = Field(
        default=2_000,
        description="How many tokens (names, punctuation, values) a document may have.",
        examples=["2000"],
    )
    max_document_bytes: Annotated[int, PlainValidator(values.whole(100, 1_000_000))] = Field(
        default=64 * 1024, description="How long a document may be.", examples=["65536"]
    )
    trusted_documents: Annotated[Path | None, PlainValidator(values.or_none(values.path))] = Field(
        default=None,
        description="A file of documents that clients may name instead of sending them: the manifest of Apollo, Relay "
        "or GraphQL Code Generator.",
        examples=["persisted-queries.json"],
    )
    trusted_only: Annotated[bool, PlainValidator(values.yes_or_no)] = Field(
        default=False,
        description="Whether every document that is not in SAIFU_TRUSTED_DOCUMENTS is refused.",
        examples=["true"],
    )
    sockets_per_credential: Annotated[int, PlainValidator(values.whole(1, 1_000_000))] = Field(
        default=500,
        description="How many websockets one key or session may hold open at once.",
        examples=["500"],
    )
    sockets_per_address: Annotated[int, PlainValidator(values.whole(1, 1_000_000))] = Field(
        default=1000,
        description="How many websockets one address may hold open at once. A proxy in front must say for whom it "
        "speaks (X-Forwarded-For), or all its clients are one address.",
        examples=["1000"],
    )
    rate_per_key: Annotated[int, PlainValidator(values.whole(0, 1_000_000))] = Field(
        default=20_000,
        description="How many requests per second one API key may send, in each process; 5 s' worth at once; 0 is no "
        "limit. Operations on websockets count as requests.",
        examples=["500"],
    )
    rate_per_session: Annotated[int, PlainValidator(values.whole(0, 1_000_000))] = Field(
        default=50,
        description="How many requests per second one customer session may send, in each process; 5 s' worth at "
        "once; 0 is no limit.",
        examples=["20"],
    )
    rate_per_address: Annotated[int, PlainValidator(values.whole(0, 1_000_000))] = Field(
        default=20,
        description="How many requests per second with a wrong credential, or none, one address may send, in each "
        "process; 5 s' worth at once; 0 is no limit.",
        examples=["5"],
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, PlainValidator(values.networks)] = Field(
        default=(),
        description="Addresses and networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; "
        "without it a client is who connects.",
        examples=["10.0.0.0/8,192.0.2.7"],
    )
    drain_timeout_s: Annotated[int, PlainValidator(values.whole(0, 600))] = Field(
        default=10,
        description="How many seconds requests get to finish when the program is told to stop.",
        examples=["10"],
    )
    processor: Annotated[
        Literal["auto", "simulator", "stripe", "none"],
        PlainValidator(values.one_of("auto", "simulator", "stripe", "none")),
    ] = Field(
        default="auto",
        description="Who charges cards and accounts: auto is the simulator in test mode, and in live mode Stripe where "
        "SAIFU_STRIPE_SECRET_KEY is set.",
        examples=["stripe"],
    )
    stripe_secret_key: Annotated[
        SecretStr | None, PlainValidator(values.or_none(values.stripe("sk", "rk")))
    ] = Field(
        default=None, description="Stripe's secret key, of the same mode.", examples=["sk_test_51HExample"]
    )
    stripe_publishable_key: Annotated[str | None, PlainValidator(values.or_none(values.stripe("pk")))] = (
        Field(
            default=None,
            description="Stripe's publishable key, for the card form.",
            examples=["pk_test_51HExample"],
        )
    )
    stripe_webhook_secret: Annotated[
        SecretStr | None, PlainValidator(values.or_none(values.stripe("whsec")))
    ] = Field(
        default=None,
        description="What Stripe signs its webhooks with, which go to /processors/stripe/callbacks.",
        examples=["whsec_Example1"],
    )
    stripe_api_base: Annotated[str, PlainValidator(values.base_url)] = Field(
        default="https://api.stripe.com",
        description="Where Stripe is; another address is for tests.",
        examples=["http://127.0.0.1:8420"],
    )
    public_url: Annotated[str | None, PlainValidator(values.or_none(values.base_url))] = Field(
        default=None,
        description="Where customers' browsers reach the gateway, for links to checkout pages and documents; without "
        "it where it listens.",
        examples=["https://pay.example.com"],
    )
    business_name: Annotated[str, PlainValidator(values.line(100))] = Field(
        default="Your business",
        description="The name on checkout pages, invoices and receipts.",
        examples=["Acme GmbH"],
    )
    business_contact: Annotated[str, PlainValidator(values.line(300))] = Field(
        default="",
        description="Address and contact on invoices and receipts, in one line.",
        examples=["1 Main Street, 10115 Berlin, billing@acme.example"],
    )
    minimum_charges: Annotated[Mapping[str, int], NoDecode, PlainValidator(values.low_balance_thresholds)] = (
        Field(
            default_factory=lambda: MappingProxyType({"USD": 50, "INR": 100}),
            description="Per currency, in minor units: the least that a source is charged; 50 where none is given.",
            examples=["USD=50,INR=100"],
        )
    )
    refund_window_days: Annotated[int, PlainValidator(values.whole(0, 3650))] = Field(
        default=30,
        description="How long after a payment it can be refunded to its source.",
        examples=["30"],
    )
    invoice_number_prefix: Annotated[str, PlainValidator(values.line(20))] = Field(
        default="INV-", description="What the numbers of invoices begin with.", examples=["2026-"]
    )
    frame_ancestors: Annotated[tuple[str, ...], NoDecode, PlainValidator(values.origins)] = Field(
        default=(),
        description="Web pages of which origins may show the checkout page in a frame; without it none.",
        examples=["https://shop.example"],
    )

    @property
    def base_url(self) -> str:
        """Where customers' browsers find the gateway, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def shows_explorer(self) -> bool:
        return self.explorer == "on" or (self.explorer == "auto" and self.mode == "test")

    @field_validator("admin_key")
    @classmethod
    def _admin_key_of_the_mode(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key is None:
            return None
        values.admin_key(key.get_secret_value())
        # A wrong mode is reported by itself, and then is not there to compare with.
        mode = info.data.get("mode")
        if mode and not key.get_secret_value().startswith(f"sk_{mode}_"):
            raise ValueError(f"must begin with sk_{mode}_, since {PREFIX}MODE is {mode}")
        return key


class SettingsError(Exception):
    """The environment holds settings that cannot be used; the text has one line for each and no secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(["saifu did not start: its settings cannot be used.", *problems]))
        self.problems = tuple(problems)


class Documented(NamedTuple):
    """One setting, for the README and `saifu --help`: texts as they would be written in a shell."""

    name: str
    default: str
    description: str
    example: str


def load() -> Settings:
    """The settings of this process, from its environment.

    Raises:
        SettingsError: a value is wrong or a name is unknown; all of them are reported together.
    """
    problems = [_unknown(name) for name in sorted(os.environ) if _is_unknown(name)]
    settings: Settings | None = None
    try:
        settings = Settings()
    except ValidationError as error:
        problems += [_wrong(details) for details in error.errors(include_url=False)]
    if settings is None or problems:
        # Without a cause: the library's own error knows the values.
        raise SettingsError(problems) from None
    return settings


def documented() -> list[Documented]:
    """Every setting, in the order of `Settings`."""
    return [
        Documented(
            _variable(field),
            _as_text(info.get_default(call_default_factory=True)),
            info.description or "",
            _example(field),
        )
        for field, info in Settings.model_fields.items()
    ]


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _example(field: str) -> str:
    return str((Settings.model_fields[field].examples or [""])[0])


def _as_text(default: Any) -> str:
    match default:
        case None:
            return ""
        case bool():
            return str(default).lower()
        case tuple():
            return ",".join(default)
        case Mapping():
            return ",".join(f"{key}={value}" for key, value in default.items())
        case _:
            return str(default)


def _is_unknown(name: str) -> bool:
    known = name.upper().removeprefix(PREFIX).lower() in Settings.model_fields
    return name.upper().startswith(PREFIX) and not name.upper().startswith(FOREIGN_PREFIX) and not known


def _unknown(name: str) -> str:
    fields = list(Settings.model_fields)
    # Compared without the prefix, which every name shares and which would make all of them look alike.
    close = difflib.get_close_matches(name.upper().removeprefix(PREFIX).lower(), fields, n=1)
    hint = (
        f"Did you mean {_variable(close[0])}?"
        if close
        else f"There are: {', '.join(map(_variable, fields))}."
    )
    return f"  {name} is not a setting. {hint}"


def _wrong(details: ErrorDetails) -> str:
    """One line on a wrong value, such as `SAIFU_PORT must be …, but is 'x'. Example: SAIFU_PORT=8000`."""
    field = str(details["loc"][0])
    why = details["msg"].removeprefix("Value error, ")
    echo = "" if field in SECRETS else f", but is {str(details['input'])[:_LONGEST_ECHO]!r}"
    return f"  {_variable(field)} {why}{echo}. Example: {_variable(field)}={_example(field)}"
