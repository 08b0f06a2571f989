"""Settings: what each variable takes, and that a wrong one is refused by name, with an example and no secret."""

import os
import re
import string
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from saifu import setting_values as values
from saifu.setting_values import UsdRate
from saifu.settings import SECRETS, Settings, SettingsError, documented, load

KEY_BODY = "q8Zr-3nVxT0_bWm5LyKd2PfHs7JcGa9E"
NAMES = [setting.name for setting in documented()]


@pytest.fixture(autouse=True)
def no_settings_of_this_shell(monkeypatch):
    for name in os.environ:
        if name.upper().startswith("SAIFU_"):
            monkeypatch.delenv(name)


def refusal(monkeypatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load()
    return str(refused.value)


def test_an_empty_environment_is_a_test_installation_on_this_machine():
    settings = load()
    assert (settings.host, settings.port, settings.mode) == ("127.0.0.1", 8000, "test")
    assert settings.database_url == "sqlite+aiosqlite:///.saifu/saifu.db"
    assert settings.currencies == ("USD", "INR")
    assert (settings.admin_key, settings.nats_url, settings.promotional_expiry_days) == (None, None, None)
    assert (settings.reversal_grace_days, settings.expiry_notice_days) == (7, 7)  # W77, W79
    assert settings.event_retention_days == 90  # ruling 13
    assert settings.allowed_origins == ()
    assert not settings.usd_rates
    assert not settings.low_balance_thresholds
    assert (settings.business_id, settings.log_format, settings.log_level) == ("bus_default", "auto", "info")
    assert settings.drain_timeout_s == 10
    assert (settings.rate_per_key, settings.rate_per_session, settings.rate_per_address) == (20_000, 50, 20)
    assert settings.trusted_proxies == ()
    assert (settings.explorer, settings.trusted_documents, settings.trusted_only) == (
        "auto",
        None,
        False,
    )  # A62
    assert (settings.max_cost, settings.max_depth, settings.max_aliases) == (20_000, 20, 60)  # A61
    assert (settings.max_tokens, settings.max_document_bytes) == (2_000, 65_536)
    assert (settings.processor, settings.stripe_secret_key, settings.public_url) == ("auto", None, None)
    assert settings.minimum_charges == {"USD": 50, "INR": 100}  # C7
    assert settings.refund_window_days == 30  # PM41


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("SAIFU_HOST", "0.0.0.0", "0.0.0.0"),
        ("SAIFU_HOST", "::1", "::1"),
        ("SAIFU_HOST", "gateway.internal", "gateway.internal"),
        ("SAIFU_PORT", "0", 0),
        ("SAIFU_PORT", "65535", 65535),
        (
            "SAIFU_DATABASE_URL",
            "sqlite+aiosqlite:////var/lib/saifu.db",
            "sqlite+aiosqlite:////var/lib/saifu.db",
        ),
        ("SAIFU_DATABASE_URL", "postgresql+asyncpg:///saifu", "postgresql+asyncpg:///saifu"),
        ("SAIFU_MODE", "LIVE", "live"),
        ("SAIFU_CURRENCIES", "JPY, USD ,KWD", ("JPY", "USD", "KWD")),
        ("SAIFU_NATS_URL", "nats://user:pw@broker:4222", "nats://user:pw@broker:4222"),
        ("SAIFU_LOW_BALANCE_THRESHOLDS", "USD=1000, INR=50000", {"USD": 1000, "INR": 50000}),  # W80
        ("SAIFU_PROMOTIONAL_EXPIRY_DAYS", "365", 365),  # W73
        ("SAIFU_REVERSAL_GRACE_DAYS", "0", 0),  # W77: expires again at once
        ("SAIFU_EXPIRY_NOTICE_DAYS", "1", 1),
        ("SAIFU_EVENT_RETENTION_DAYS", "3650", 3650),
        ("SAIFU_BUSINESS_ID", "bus_acme", "bus_acme"),
        ("SAIFU_LOG_FORMAT", "json", "json"),
        ("SAIFU_LOG_LEVEL", "Warning", "warning"),
        (
            "SAIFU_ALLOWED_ORIGINS",
            "https://Shop.example:443,http://localhost:5173,http://[::1]:80",
            ("https://shop.example", "http://localhost:5173", "http://[::1]"),
        ),
        ("SAIFU_SOCKETS_PER_CREDENTIAL", "10000", 10_000),
        ("SAIFU_SOCKETS_PER_ADDRESS", "1", 1),
        ("SAIFU_RATE_PER_KEY", "0", 0),
        ("SAIFU_RATE_PER_SESSION", "5", 5),
        ("SAIFU_RATE_PER_ADDRESS", "1000000", 1_000_000),
        ("SAIFU_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7,::1", ("10.0.0.0/8", "192.0.2.7", "::1")),
        ("SAIFU_DRAIN_TIMEOUT_S", "0", 0),
        ("SAIFU_EXPLORER", "On", "on"),
        ("SAIFU_MAX_COST", "500", 500),
        ("SAIFU_TRUSTED_DOCUMENTS", "queries.json", Path("queries.json")),
        ("SAIFU_TRUSTED_ONLY", "TRUE", True),
        ("SAIFU_PROCESSOR", "Stripe", "stripe"),
        ("SAIFU_STRIPE_PUBLISHABLE_KEY", "pk_test_51Habc", "pk_test_51Habc"),
        ("SAIFU_STRIPE_API_BASE", "http://127.0.0.1:8420/", "http://127.0.0.1:8420"),
        ("SAIFU_PUBLIC_URL", "https://shop.example/pay/", "https://shop.example/pay"),
        ("SAIFU_BUSINESS_NAME", " 財布株式会社 ", "財布株式会社"),
        ("SAIFU_BUSINESS_CONTACT", "1 Main Street, Berlin", "1 Main Street, Berlin"),
        ("SAIFU_MINIMUM_CHARGES", "EUR=50", {"EUR": 50}),  # C7
        ("SAIFU_REFUND_WINDOW_DAYS", "0", 0),  # PM41
        ("SAIFU_INVOICE_NUMBER_PREFIX", "2026-", "2026-"),  # PM61
        ("SAIFU_FRAME_ANCESTORS", "https://shop.example", ("https://shop.example",)),  # PM85
    ],
)
def test_a_right_value_is_read_as_what_it_says(monkeypatch, name, text, value):
    monkeypatch.setenv(name, text)
    assert getattr(load(), name.removeprefix("SAIFU_").lower()) == value


@pytest.mark.parametrize(
    ("name", "wrong", "why"),
    [
        ("SAIFU_HOST", "http://localhost", "must be an IP address or a host name"),
        ("SAIFU_HOST", "localhost:8000", "must be an IP address or a host name"),
        ("SAIFU_HOST", "256.1.1.1", "must be an IP address or a host name"),
        ("SAIFU_PORT", "eighty", "must be a whole number from 0 to 65535"),
        ("SAIFU_PORT", "65536", "must be a whole number from 0 to 65535"),
        ("SAIFU_PORT", "-1", "must be a whole number from 0 to 65535"),
        ("SAIFU_PORT", "8_000", "must be a whole number from 0 to 65535"),
        ("SAIFU_PORT", "８０００", "must be a whole number from 0 to 65535"),
        (
            "SAIFU_DATABASE_URL",
            "saifu.db",
            "must be sqlite+aiosqlite:///path/to/file.db or postgresql+asyncpg",
        ),
        (
            "SAIFU_DATABASE_URL",
            "postgres://u:hunter2@h/saifu",
            "must be sqlite+aiosqlite:///path/to/file.db or",
        ),
        ("SAIFU_DATABASE_URL", "postgresql+asyncpg://u:hunter2@h:x/d", "must be sqlite+aiosqlite:///path"),
        (
            "SAIFU_DATABASE_URL",
            "postgresql+asyncpg://u:hunter2@h",
            "must be a PostgreSQL URL that ends in the name",
        ),
        ("SAIFU_DATABASE_URL", "sqlite+aiosqlite://", "must be a SQLite URL with three slashes"),
        ("SAIFU_DATABASE_URL", "sqlite+aiosqlite://saifu.db", "must be a SQLite URL with three slashes"),
        ("SAIFU_DATABASE_URL", "sqlite+aiosqlite:///:memory:", "must be a SQLite URL with three slashes"),
        ("SAIFU_MODE", "production", "must be test or live"),
        ("SAIFU_ADMIN_KEY", "hunter2", "must be sk_test_ or sk_live_ and then 32"),
        ("SAIFU_ADMIN_KEY", f"sk_test_{KEY_BODY[:31]}", "must be sk_test_ or sk_live_ and then 32"),
        ("SAIFU_ADMIN_KEY", f"sk_test_{KEY_BODY}\n", "must be sk_test_ or sk_live_ and then 32"),
        ("SAIFU_ADMIN_KEY", f"sk_test_{KEY_BODY}é", "must be sk_test_ or sk_live_ and then 32"),
        ("SAIFU_ADMIN_KEY", "sk_test_" + "a" * 32, "must be random"),
        ("SAIFU_ADMIN_KEY", "sk_test_" + "hunter2!"[:7] * 5, "must be random"),
        ("SAIFU_ADMIN_KEY", f"sk_test_{string.ascii_lowercase}012345", "must be random"),
        ("SAIFU_ADMIN_KEY", f"sk_live_{KEY_BODY}", "must begin with sk_test_, since SAIFU_MODE is test"),
        ("SAIFU_EXPLORER", "yes", "must be auto or on or off"),
        ("SAIFU_MAX_DEPTH", "0", "must be a whole number from 1 to 100"),
        ("SAIFU_MAX_COST", "0", "must be a whole number from 1 to 1000000000"),
        ("SAIFU_MAX_ALIASES", "-1", "must be a whole number from 0 to 1000"),
        ("SAIFU_MAX_TOKENS", "9", "must be a whole number from 10 to 10000"),
        ("SAIFU_MAX_DOCUMENT_BYTES", "99", "must be a whole number from 100 to 1000000"),
        ("SAIFU_TRUSTED_DOCUMENTS", " ", "must be the path of a file"),
        ("SAIFU_TRUSTED_ONLY", "1", "must be true or false"),
        ("SAIFU_CURRENCIES", "USD,EURO", "must be made of ISO 4217 codes in use"),
        ("SAIFU_CURRENCIES", "usd", "must be made of ISO 4217 codes in use"),
        ("SAIFU_CURRENCIES", "DEM", "must be made of ISO 4217 codes in use"),  # gone since 2002
        ("SAIFU_CURRENCIES", "USD,", "must be made of ISO 4217 codes in use"),
        ("SAIFU_CURRENCIES", "USD,INR,USD", "must be a list of currencies that names each once"),
        ("SAIFU_NATS_URL", "http://u:hunter2@broker:4222", "must be nats://host:port"),
        ("SAIFU_NATS_URL", "nats://u:hunter2@", "must be nats://host:port"),
        ("SAIFU_NATS_URL", "nats://u:hunter2@broker:x", "must be nats://host:port"),
        ("SAIFU_NATS_URL", "nats://u:hunter2@broker:70000", "must be nats://host:port"),
        ("SAIFU_USD_RATES", "INR", "must be pairs of a currency and a value"),
        ("SAIFU_USD_RATES", "INR=83.00", "must give each rate the day it is from"),
        ("SAIFU_USD_RATES", "INR=83.00@2026-02-30", "must give each rate the day it is from"),
        ("SAIFU_USD_RATES", "INR=0@2026-01-31", "must give rates as plain decimals above zero"),
        ("SAIFU_USD_RATES", "INR=-83@2026-01-31", "must give rates as plain decimals above zero"),
        ("SAIFU_USD_RATES", "INR=8e1@2026-01-31", "must give rates as plain decimals above zero"),
        ("SAIFU_USD_RATES", "INR=1/3@2026-01-31", "must give rates as plain decimals above zero"),
        (
            "SAIFU_USD_RATES",
            "INR=83@2026-01-31,INR=84@2026-02-01",
            "must be pairs that name each currency once",
        ),
        ("SAIFU_USD_RATES", "RUPEE=83@2026-01-31", "must be made of ISO 4217 codes in use"),
        ("SAIFU_USD_RATES", "USD=2@2026-01-31", "must not name USD"),
        ("SAIFU_LOW_BALANCE_THRESHOLDS", "USD:1000", "must be pairs of a currency and a value"),
        ("SAIFU_LOW_BALANCE_THRESHOLDS", "USD=10.00", "must be a whole number from 1 to 9007199254740991"),
        ("SAIFU_LOW_BALANCE_THRESHOLDS", "USD=0", "must be a whole number from 1 to 9007199254740991"),
        ("SAIFU_LOW_BALANCE_THRESHOLDS", f"USD={2**53}", "must be a whole number from 1 to 9007199254740991"),
        ("SAIFU_PROMOTIONAL_EXPIRY_DAYS", "never", "must be a whole number from 1 to 3650"),
        ("SAIFU_PROMOTIONAL_EXPIRY_DAYS", "0", "must be a whole number from 1 to 3650"),
        ("SAIFU_REVERSAL_GRACE_DAYS", "1.5", "must be a whole number from 0 to 3650"),
        ("SAIFU_EXPIRY_NOTICE_DAYS", "0", "must be a whole number from 1 to 365"),
        ("SAIFU_EVENT_RETENTION_DAYS", "0", "must be a whole number from 1 to 3650"),
        ("SAIFU_BUSINESS_ID", "acme", "must be bus_ and then up to 60"),
        ("SAIFU_BUSINESS_ID", "bus_a b", "must be bus_ and then up to 60"),
        ("SAIFU_LOG_FORMAT", "xml", "must be auto or console or json"),
        ("SAIFU_LOG_LEVEL", "verbose", "must be debug or info or warning or error"),
        ("SAIFU_ALLOWED_ORIGINS", "shop.example", "must be browser origins"),
        ("SAIFU_ALLOWED_ORIGINS", "*", "must be browser origins"),
        ("SAIFU_ALLOWED_ORIGINS", "https://shop.example/", "must be browser origins"),
        ("SAIFU_ALLOWED_ORIGINS", "https://u:p@shop.example", "must be browser origins"),
        ("SAIFU_ALLOWED_ORIGINS", "https://shop.example:x", "must be browser origins"),
        ("SAIFU_ALLOWED_ORIGINS", "https://a.example,,https://b.example", "must be browser origins"),
        ("SAIFU_SOCKETS_PER_CREDENTIAL", "0", "must be a whole number from 1 to 1000000"),
        ("SAIFU_SOCKETS_PER_ADDRESS", "many", "must be a whole number from 1 to 1000000"),
        ("SAIFU_RATE_PER_KEY", "-1", "must be a whole number from 0 to 1000000"),
        ("SAIFU_RATE_PER_SESSION", "1.5", "must be a whole number from 0 to 1000000"),
        ("SAIFU_RATE_PER_ADDRESS", "none", "must be a whole number from 0 to 1000000"),
        ("SAIFU_TRUSTED_PROXIES", "*", "must be IP addresses or networks, 192.0.2.7 or 10.0.0.0/8"),
        ("SAIFU_TRUSTED_PROXIES", "proxy.internal", "must be IP addresses or networks"),
        ("SAIFU_TRUSTED_PROXIES", "10.0.0.1/8", "must be IP addresses or networks"),
        ("SAIFU_DRAIN_TIMEOUT_S", "601", "must be a whole number from 0 to 600"),
        ("SAIFU_DRAIN_TIMEOUT_S", "ten", "must be a whole number from 0 to 600"),
        ("SAIFU_PROCESSOR", "paypal", "must be auto or simulator or stripe or none"),
        ("SAIFU_STRIPE_SECRET_KEY", "hunter2", "must be a key from Stripe that begins with sk_ or rk_"),
        ("SAIFU_STRIPE_PUBLISHABLE_KEY", "sk_test_51Habc", "must be a key from Stripe that begins with pk_"),
        ("SAIFU_STRIPE_WEBHOOK_SECRET", "secret", "must be a key from Stripe that begins with whsec_"),
        ("SAIFU_STRIPE_API_BASE", "api.stripe.com", "must be https://host, perhaps with a port and a path"),
        ("SAIFU_PUBLIC_URL", "https://u:p@shop.example", "must be https://host, perhaps with a port"),
        ("SAIFU_PUBLIC_URL", "https://shop.example:x", "must be https://host, perhaps with a port"),
        ("SAIFU_BUSINESS_NAME", "a" * 101, "must be one line of at most 100 characters"),
        ("SAIFU_BUSINESS_CONTACT", "a\nb", "must be one line of at most 300 characters"),
        ("SAIFU_MINIMUM_CHARGES", "USD=0", "must be a whole number from 1 to 9007199254740991"),
        ("SAIFU_REFUND_WINDOW_DAYS", "-1", "must be a whole number from 0 to 3650"),
        ("SAIFU_INVOICE_NUMBER_PREFIX", "a" * 21, "must be one line of at most 20 characters"),
        ("SAIFU_FRAME_ANCESTORS", "*", "must be browser origins"),
    ],
)
def test_a_wrong_value_is_refused_by_name_with_an_example(monkeypatch, name, wrong, why):
    text = refusal(monkeypatch, **{name: wrong})
    assert f"{name} {why}" in text
    assert f"Example: {name}=" in text
    field = name.removeprefix("SAIFU_").lower()
    assert ("but is" in text) is (field not in SECRETS)


def test_every_variable_has_a_wrong_value_among_these_tests():
    table = test_a_wrong_value_is_refused_by_name_with_an_example.pytestmark[0].args[1]
    assert {name for name, _wrong, _why in table} == set(NAMES)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("SAIFU_DATABASE_URL", "postgres://saifu:hunter2@db/saifu"),
        ("SAIFU_NATS_URL", "http://saifu:hunter2@broker"),
        ("SAIFU_ADMIN_KEY", "sk_test_hunter2"),
        ("SAIFU_ADMIN_KEY", "sk_live_hunter2" + KEY_BODY),
    ],
)
def test_a_refusal_never_shows_a_secret_nor_keeps_one_as_its_cause(monkeypatch, name, wrong):
    monkeypatch.setenv(name, wrong)
    with pytest.raises(SettingsError) as refused:
        load()
    error = refused.value
    assert "hunter2" not in str(error) + repr(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_settings_do_not_show_their_secrets_when_printed(monkeypatch):
    monkeypatch.setenv("SAIFU_ADMIN_KEY", f"sk_test_{KEY_BODY}")
    monkeypatch.setenv("SAIFU_DATABASE_URL", "postgresql+asyncpg://saifu:hunter2@db/saifu")
    monkeypatch.setenv("SAIFU_NATS_URL", "nats://saifu:hunter2@broker")
    settings = load()
    assert settings.admin_key is not None
    assert settings.admin_key.get_secret_value() == f"sk_test_{KEY_BODY}"
    assert KEY_BODY not in repr(settings) + str(settings)
    assert "hunter2" not in repr(settings) + str(settings)


def test_an_admin_key_belongs_to_its_mode(monkeypatch):
    monkeypatch.setenv("SAIFU_MODE", "live")
    monkeypatch.setenv("SAIFU_ADMIN_KEY", f"sk_live_{KEY_BODY}")
    assert load().mode == "live"
    assert "must begin with sk_live_, since SAIFU_MODE is live" in refusal(
        monkeypatch, SAIFU_ADMIN_KEY=f"sk_test_{KEY_BODY}"
    )


@given(st.binary(min_size=16, max_size=64))
def test_a_key_of_hexadecimal_digits_is_random_enough_when_its_bytes_are(body):
    # Bytes that hypothesis made regular are refused, as they should be; those with variety are not.
    key = f"sk_test_{body.hex()}"
    if len(set(body.hex())) < 8:
        with pytest.raises(ValueError, match="must be random"):
            values.admin_key(key)
    elif len(set(body)) >= 14:
        assert values.admin_key(key) == key


def test_display_rates_are_exact_and_dated(monkeypatch):
    """W5: 83.00 rupees for a dollar, on a day."""
    monkeypatch.setenv("SAIFU_USD_RATES", "INR=83.00@2026-01-31,EUR=0.92@2026-01-30")
    rates = load().usd_rates
    assert rates == {
        "INR": UsdRate(Fraction(83), date(2026, 1, 31)),
        "EUR": UsdRate(Fraction(23, 25), date(2026, 1, 30)),
    }
    with pytest.raises(TypeError):
        rates["INR"] = UsdRate(Fraction(1), date(2026, 1, 31))  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("SAIFU_CURENCIES", "Did you mean SAIFU_CURRENCIES?"),
        ("SAIFU_DATABASEURL", "Did you mean SAIFU_DATABASE_URL?"),
        ("SAIFU_CORS_ORIGINS", "Did you mean SAIFU_ALLOWED_ORIGINS?"),
        ("SAIFU_", "There are: SAIFU_HOST, SAIFU_PORT"),
        ("SAIFU_ZZZ", "There are: SAIFU_HOST, SAIFU_PORT"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_name_that_was_meant(monkeypatch, name, answer):
    text = refusal(monkeypatch, **{name: "hunter2"})
    assert f"{name} is not a setting. {answer}" in text
    assert "hunter2" not in text


def test_variables_of_the_test_suite_and_of_others_are_left_alone(monkeypatch):
    monkeypatch.setenv("SAIFU_TEST_DATABASE_URL", "anything")
    monkeypatch.setenv("SAIFUX_PORT", "anything")
    monkeypatch.setenv("PORT", "anything")
    assert load() == Settings()


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch):
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert load().port == 8000


def test_all_problems_are_reported_at_once(monkeypatch):
    text = refusal(monkeypatch, SAIFU_PORT="x", SAIFU_MODE="y", SAIFU_ZZZ="z")
    assert text.splitlines()[0] == "saifu did not start: its settings cannot be used."
    assert sorted(re.findall(r"^  (SAIFU_\w+)", text, re.MULTILINE)) == [
        "SAIFU_MODE",
        "SAIFU_PORT",
        "SAIFU_ZZZ",
    ]


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        load().port = 1


def test_code_may_give_finished_values():
    settings = Settings(
        port=0,
        currencies=("USD",),
        low_balance_thresholds={"USD": 1000},
        usd_rates={"INR": UsdRate(Fraction(83), date(2026, 1, 31))},
        allowed_origins=("http://localhost:5173",),
    )
    assert (settings.port, settings.currencies, settings.low_balance_thresholds["USD"]) == (0, ("USD",), 1000)
    assert settings.usd_rates["INR"].per_usd == 83


def test_every_setting_is_documented_with_an_example_that_works(monkeypatch):
    assert len(NAMES) == len(Settings.model_fields)
    for setting in documented():
        assert setting.description.endswith(".")
        example = setting.example.replace("$(openssl rand -hex 24)", KEY_BODY)
        with monkeypatch.context() as shell:
            shell.setenv(setting.name, example)
            load()


def test_a_documented_default_is_what_an_empty_environment_gives(monkeypatch):
    plain = load()
    for setting in documented():
        monkeypatch.setenv(setting.name, setting.default)
    assert load() == plain
