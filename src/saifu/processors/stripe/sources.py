"""Instruments: PaymentMethods, and the SetupIntents that check and keep them for a customer.

Cards come by token, made in the browser by Stripe's own form. A SEPA debit is made of an IBAN, which goes to Stripe and
nowhere else. What Stripe cannot do in our order of steps is PAYMENT_METHOD_UNSUPPORTED: an iDEAL payment and its
kind have no authorisation apart from the payment itself, and a verified US bank account belongs to a customer from
the beginning, while ours are attached later.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import structlog

from saifu.processors.contract import (
    Attached,
    CustomerAt,
    Instrument,
    OutcomeUnknown,
    Pending,
    SourceOrder,
    SourceReport,
)
from saifu.processors.declines import DECLINES, DeclineCode
from saifu.refusals import Declined, ErrorCode, Refusal, invalid

from .api import Object, Refused, StripeApi, dig, ref_of
from .charges import OFFLINE_MANDATE
from .declines import decline_code
from .disputes import Disputes
from .instruments import instrument, is_test_card, is_token

_TOKEN_CODES: Mapping[str | None, tuple[ErrorCode, str]] = {
    "token_already_used": (ErrorCode.TOKEN_ALREADY_USED, "This token has been used. Make a new one."),
    "token_in_use": (ErrorCode.TOKEN_ALREADY_USED, "This token is being used by another request."),
    "token_expired": (ErrorCode.TOKEN_EXPIRED, "This token has expired. Make a new one."),
}
_IBAN_CODES = frozenset({"invalid_bank_account_iban", "account_number_invalid", "sepa_unsupported_account"})
_ADDRESS = {
    "country": "country",
    "city": "city",
    "state": "state",
    "street": "line1",
    "zipcode": "postal_code",
}
_KEPT = frozenset({"succeeded", "processing"})
log = structlog.get_logger(__name__)


class Sources(Disputes):
    """Payment instruments at Stripe.

    Args:
        livemode: whether the key moves real money.
    """

    def __init__(self, api: StripeApi, livemode: bool) -> None:
        super().__init__(api)
        self._livemode = livemode

    async def instrument(self, token: str, reference: str) -> Instrument:
        """The PaymentMethod `pm_…` itself, or the one that is made of a token `tok_…`, which uses it up (SR23).

        Raises:
            Refusal: TOKEN_ALREADY_USED, TOKEN_EXPIRED, LIVE_MODE_TEST_CARD, PAYMENT_METHOD_UNSUPPORTED,
                PAYMENT_DECLINED, INVALID_REQUEST_PARAMETERS.
            OutcomeUnknown: there was no answer.
        """
        if not is_token(token):
            raise invalid("A token begins with tok_ or pm_; card data never comes here.", "token")
        if self._livemode and is_test_card(token):
            raise _test_card()
        try:
            method = await self._api.ask("read instrument", self._behind(token, reference))
        except Refused as refused:
            raise _bad_token(refused) from None
        found = instrument(method)
        if found is None:
            raise _unsupported(str(method.get("type")))
        return found

    async def create_source(self, order: SourceOrder) -> Pending:
        """Make a bank debit of an IBAN (SR24); it can be charged at once, since our mandate was given before.

        Raises:
            Refusal: PAYMENT_METHOD_UNSUPPORTED, INVALID_BANK_ACCOUNT_IBAN, INVALID_REQUEST_PARAMETERS.
            OutcomeUnknown: there was no answer.
        """
        if order.type != "sepa_debit":
            raise _unsupported(order.type)
        params = {
            "type": "sepa_debit",
            "sepa_debit": {"iban": order.given["iban"]},
            "billing_details": _billing(order.owner),
        }
        call = self._api.v1.payment_methods.create_async(
            params=params, options={"idempotency_key": order.reference}
        )
        try:
            method = await self._api.ask("create source", call)
        except Refused as refused:
            raise _bad_account(refused) from None
        made = instrument(method)
        assert made is not None, "what is asked for is a bank debit"
        return Pending(ref=made.ref, detail=made.detail, fingerprint=made.fingerprint)

    async def introduce(self, customer: CustomerAt) -> str:
        """The Customer of Stripe's that stands for ours; made where there is none.

        Raises:
            Refusal: SOURCE_NOT_CHARGEABLE.
            OutcomeUnknown: there was no answer.
        """
        if customer.ref is not None:
            return customer.ref
        # A key may not come again with other values, and a customer may change its name within a day.
        said = hashlib.sha256(f"{customer.email}\n{customer.name}".encode()).hexdigest()[:16]
        call = self._api.v1.customers.create_async(
            params={
                "email": customer.email,
                "name": customer.name,
                "metadata": {"saifu_customer": customer.id},
            },
            options={"idempotency_key": f"{customer.id}-{said}"},
        )
        try:
            return str((await self._api.ask("create customer", call))["id"])
        except Refused as refused:
            raise _not_kept(refused.raw_code) from None

    async def attach(self, instrument_ref: str, customer: CustomerAt, reference: str) -> Attached:
        """Check an instrument by a SetupIntent, which keeps it for the customer when the bank agrees (SR35).

        An instrument that Stripe's form has set up for this customer already is not checked again. One whose bank
        wants to see its holder cannot be attached here, where nobody is there (AUTHENTICATION_REQUIRED).

        Raises:
            Refusal: SOURCE_NOT_CHARGEABLE.
            OutcomeUnknown: there was no answer.
        """
        customer_ref = await self.introduce(customer)
        method = await self._method(instrument_ref)
        if method is None:
            raise _not_kept("no_such_instrument")
        if ref_of(method.get("customer")) == customer_ref:
            return Attached(customer_ref)
        try:
            setup = await self._checked(method, customer_ref, reference)
        except Refused as refused:
            if not refused.is_decline:
                raise _not_kept(refused.raw_code) from None
            return Attached(customer_ref, decline_code(refused.raw_code), refused.raw_code)
        return await self._attached(setup, customer_ref)

    async def detach(self, instrument_ref: str) -> None:
        """Forget an instrument; one that is not known, or not attached, is no error.

        Raises:
            OutcomeUnknown: there was no answer.
        """
        try:
            await self._api.ask("detach", self._api.v1.payment_methods.detach_async(instrument_ref))
        except Refused as refused:
            log.info("stripe_had_nothing_to_detach", object_id=instrument_ref, code=refused.raw_code)

    async def verify(self, source_ref: str, code: str) -> bool:
        """Nothing made here is proven by a code.

        Raises:
            Refusal: UNSUPPORTED_ACTION.
        """
        raise Refusal(ErrorCode.UNSUPPORTED_ACTION, "No source at Stripe is verified by a code here.")

    async def look_up_source(self, source_ref: str) -> SourceReport | None:
        """An instrument as it is now: with the new date of a card that its bank has replaced, or a revoked mandate.

        Raises:
            OutcomeUnknown: it cannot be said.
        """
        method = await self._method(source_ref)
        found = None if method is None else instrument(method)
        if found is None:
            return None
        if found.type == "sepa_debit" and await self._mandate_status(source_ref) == "inactive":
            return SourceReport("failed", "mandate_revoked", found.detail)
        return SourceReport("chargeable", detail=found.detail)

    async def _method(self, ref: str) -> Object | None:
        return await self._api.read("read instrument", self._api.v1.payment_methods.retrieve_async(ref))

    def _behind(self, token: str, reference: str) -> Any:
        """The call that answers with the PaymentMethod behind a token."""
        methods = self._api.v1.payment_methods
        if token.startswith("pm_"):
            return methods.retrieve_async(token)
        return methods.create_async(
            params={"type": "card", "card": {"token": token}},
            options={"idempotency_key": f"{reference}-instrument"},
        )

    async def _checked(self, method: Object, customer_ref: str, reference: str) -> Object:
        setups = self._api.v1.setup_intents
        kind = str(method["type"])
        made = await self._api.ask(
            "create setup intent",
            setups.create_async(
                params={
                    "customer": customer_ref,
                    "usage": "off_session",
                    "payment_method_types": [kind],
                    "metadata": {"saifu_reference": reference},
                },
                options={"idempotency_key": f"{reference}-setup"},
            ),
        )
        mandate = {} if kind == "card" else {"mandate_data": OFFLINE_MANDATE}
        return await self._api.ask(
            "confirm setup intent",
            setups.confirm_async(
                made["id"],
                params={"payment_method": method["id"], **mandate},
                options={"idempotency_key": f"{reference}-check"},
            ),
        )

    async def _attached(self, setup: Object, customer_ref: str) -> Attached:
        if setup.get("status") in _KEPT:
            return Attached(customer_ref)
        if setup.get("status") == "requires_action":
            await self._given_up(setup)
            raw = "authentication_required"
        else:
            error = setup.get("last_setup_error") or {}
            raw = error.get("decline_code") or error.get("code") or "setup_attempt_failed"
        return Attached(customer_ref, decline_code(raw), raw)

    async def _given_up(self, setup: Object) -> None:
        """Cancel a check that nobody will complete; it moves no money, so that failing to is only told."""
        try:
            await self._api.ask("cancel setup intent", self._api.v1.setup_intents.cancel_async(setup["id"]))
        except (Refused, OutcomeUnknown):
            log.warning("stripe_setup_left_open", object_id=setup["id"])

    async def _mandate_status(self, ref: str) -> str | None:
        params = {"payment_method": ref, "expand": ["data.mandate"]}
        async for setup in self._api.pages(
            "list setup intents", self._api.v1.setup_intents.list_async, params
        ):
            if status := dig(setup, "mandate", "status"):
                return str(status)
        return None


def _billing(owner: Mapping[str, Any]) -> dict[str, Any]:
    """Whose account it is, in Stripe's words and without what is not known."""
    address = owner.get("address") or {}
    details = {name: owner.get(name) for name in ("name", "email", "phone")}
    details["address"] = {theirs: address[ours] for ours, theirs in _ADDRESS.items() if address.get(ours)}
    return {name: value for name, value in details.items() if value}


def _bad_token(refused: Refused) -> Refusal:
    path = ("input", "token")
    if refused.is_of_test_mode:
        return _test_card()
    if refused.is_decline:
        code = decline_code(refused.raw_code)
        return Declined(code, DECLINES[code].shown_as, path)
    if refused.code in _TOKEN_CODES:
        code_, message = _TOKEN_CODES[refused.code]
        return Refusal(code_, message, path)
    return invalid(f"Stripe does not take this token ({refused.raw_code}).", "token")


def _bad_account(refused: Refused) -> Refusal:
    if refused.code in _IBAN_CODES or "iban" in (refused.param or ""):
        return Refusal(
            ErrorCode.INVALID_BANK_ACCOUNT_IBAN, "Stripe does not take this IBAN.", ("input", "iban")
        )
    return invalid(f"Stripe does not take this bank account ({refused.param or refused.raw_code}).")


def _test_card() -> Refusal:
    return Refusal(
        ErrorCode.LIVE_MODE_TEST_CARD, DECLINES[DeclineCode.LIVE_MODE_TEST_CARD].shown_as, ("input", "token")
    )


def _unsupported(kind: str) -> Refusal:
    return Refusal(
        ErrorCode.PAYMENT_METHOD_UNSUPPORTED,
        f"Sources of type {kind} cannot be made through Stripe here.",
        ("input", "type"),
    )


def _not_kept(raw: str) -> Refusal:
    return Refusal(
        ErrorCode.SOURCE_NOT_CHARGEABLE, f"Stripe does not keep this instrument ({raw}).", ("input", "source")
    )
