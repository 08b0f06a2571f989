"""Stripe's decline and error codes as ours (PM30, PM31). Data, not code; what is not here is UNKNOWN_ERROR.

A decline code is the bank's, an error code Stripe's own; when there is a decline code it is the one that counts.
"""

from collections.abc import Mapping
from types import MappingProxyType

from saifu.processors.declines import DeclineCode as Ours

_BY_BANK: Mapping[str, Ours] = {
    "approve_with_id": Ours.TRANSACTION_NOT_APPROVED,
    "authentication_not_handled": Ours.AUTHENTICATION_REQUIRED,
    "authentication_required": Ours.AUTHENTICATION_REQUIRED,
    "call_issuer": Ours.CARD_DECLINED,
    "card_not_supported": Ours.TRANSACTION_NOT_ALLOWED,
    "card_velocity_exceeded": Ours.CARD_VELOCITY_EXCEEDED,
    "currency_not_supported": Ours.TRANSACTION_NOT_ALLOWED,
    "do_not_honor": Ours.DO_NOT_HONOR,
    "do_not_try_again": Ours.CARD_DECLINED,
    "duplicate_transaction": Ours.TRANSACTION_NOT_APPROVED,
    "expired_card": Ours.EXPIRED_CARD,
    "fraudulent": Ours.FRAUDULENT,
    "generic_decline": Ours.GENERIC_DECLINE,
    "incorrect_address": Ours.INVALID_CARD_OWNER,
    "incorrect_cvc": Ours.INCORRECT_CVC,
    "incorrect_number": Ours.INCORRECT_NUMBER,
    "incorrect_pin": Ours.INVALID_PIN,
    "incorrect_zip": Ours.INVALID_CARD_OWNER,
    "insufficient_funds": Ours.INSUFFICIENT_FUNDS,
    "invalid_account": Ours.INVALID_ACCOUNT,
    "invalid_amount": Ours.INVALID_AMOUNT,
    "invalid_cvc": Ours.INVALID_CVC,
    "invalid_expiry_month": Ours.INVALID_EXPIRY_YEAR,
    "invalid_expiry_year": Ours.INVALID_EXPIRY_YEAR,
    "invalid_number": Ours.INVALID_CARD_NUMBER,
    "invalid_pin": Ours.INVALID_PIN,
    "issuer_not_available": Ours.ISSUER_UNAVAILABLE,
    "live_mode_test_card": Ours.LIVE_MODE_TEST_CARD,
    "lost_card": Ours.LOST_CARD,
    # The merchant's own list of those who may not pay: who is on it is not told.
    "merchant_blacklist": Ours.FRAUDULENT,
    "mobile_device_authentication_required": Ours.AUTHENTICATION_REQUIRED,
    "new_account_information_available": Ours.INVALID_ACCOUNT,
    "no_action_taken": Ours.CARD_DECLINED,
    "not_permitted": Ours.TRANSACTION_NOT_ALLOWED,
    "offline_pin_required": Ours.INVALID_PIN,
    "online_or_offline_pin_required": Ours.INVALID_PIN,
    "pickup_card": Ours.PICKUP_CARD,
    "pin_try_exceeded": Ours.INVALID_PIN,
    "processing_error": Ours.PROCESSING_ERROR,
    "reenter_transaction": Ours.REENTER_TRANSACTION,
    # The bank holds the card back as possibly lost or stolen, and says so no more plainly.
    "restricted_card": Ours.PICKUP_CARD,
    "revocation_of_all_authorizations": Ours.REVOCATION_OF_AUTHORIZATION,
    "revocation_of_authorization": Ours.REVOCATION_OF_AUTHORIZATION,
    "security_violation": Ours.CARD_DECLINED,
    "service_not_allowed": Ours.TRANSACTION_NOT_ALLOWED,
    "stolen_card": Ours.STOLEN_CARD,
    "stop_payment_order": Ours.REVOCATION_OF_AUTHORIZATION,
    "test_mode_live_card": Ours.TRANSACTION_NOT_ALLOWED,
    "testmode_decline": Ours.LIVE_MODE_TEST_CARD,
    "transaction_not_allowed": Ours.TRANSACTION_NOT_ALLOWED,
    "try_again_later": Ours.TRY_AGAIN_LATER,
    "withdrawal_count_limit_exceeded": Ours.LIMIT_EXCEEDED,
}

_BY_STRIPE: Mapping[str, Ours] = {
    "account_closed": Ours.INVALID_ACCOUNT,
    "amount_too_large": Ours.INVALID_AMOUNT,
    "amount_too_small": Ours.INVALID_AMOUNT,
    "authentication_failure": Ours.AUTHENTICATION_FAILURE,
    "bank_account_declined": Ours.INVALID_ACCOUNT,
    "bank_account_restricted": Ours.INVALID_ACCOUNT,
    "bank_account_unusable": Ours.INVALID_ACCOUNT,
    "billing_invalid_mandate": Ours.MANDATE_INVALID,
    "capability_not_active": Ours.PROVIDER_UNSUPPORTED,
    "card_decline_rate_limit_exceeded": Ours.CARD_VELOCITY_EXCEEDED,
    "card_declined": Ours.GENERIC_DECLINE,
    "charge_exceeds_source_limit": Ours.LIMIT_EXCEEDED,
    "charge_exceeds_transaction_limit": Ours.LIMIT_EXCEEDED,
    "debit_not_authorized": Ours.REVOCATION_OF_AUTHORIZATION,
    "expired_payment_method": Ours.EXPIRED_CARD,
    "india_recurring_payment_mandate_canceled": Ours.MANDATE_INVALID,
    "invalid_card_type": Ours.PAYMENT_METHOD_UNSUPPORTED,
    "invalid_charge_amount": Ours.INVALID_AMOUNT,
    "no_account": Ours.INVALID_ACCOUNT,
    "payment_intent_action_required": Ours.AUTHENTICATION_REQUIRED,
    "payment_intent_authentication_failure": Ours.AUTHENTICATION_FAILURE,
    "payment_intent_incompatible_payment_method": Ours.PAYMENT_METHOD_UNSUPPORTED,
    "payment_intent_mandate_invalid": Ours.MANDATE_INVALID,
    "payment_intent_payment_attempt_expired": Ours.AUTHENTICATION_TIMEOUT,
    "payment_intent_payment_attempt_failed": Ours.PAYMENT_METHOD_PROVIDER_DECLINED,
    "payment_method_bank_account_blocked": Ours.INVALID_ACCOUNT,
    "payment_method_currency_mismatch": Ours.PAYMENT_METHOD_UNSUPPORTED,
    "payment_method_customer_decline": Ours.CUSTOMER_CANCELLED,
    "payment_method_not_available": Ours.ISSUER_UNAVAILABLE,
    "payment_method_provider_decline": Ours.PAYMENT_METHOD_PROVIDER_DECLINED,
    "payment_method_provider_timeout": Ours.NETWORK_TIMEOUT,
    "payment_method_restricted": Ours.TRANSACTION_NOT_ALLOWED,
    "payment_method_unactivated": Ours.CARD_NOT_ACTIVATED,
    "payment_method_unsupported_type": Ours.PAYMENT_METHOD_UNSUPPORTED,
    "refer_to_customer": Ours.TRANSACTION_NOT_APPROVED,
    "sepa_unsupported_account": Ours.INVALID_ACCOUNT,
    "setup_attempt_failed": Ours.CARD_DECLINED,
    "setup_intent_authentication_failure": Ours.AUTHENTICATION_FAILURE,
    "setup_intent_mandate_invalid": Ours.MANDATE_INVALID,
    "testmode_charges_only": Ours.PROVIDER_UNSUPPORTED,
    "three_d_secure_authentication_not_supported": Ours.PAYMENT_METHOD_UNSUPPORTED,
    "three_d_secure_authentication_upstream_error": Ours.NETWORK_ERROR,
}

TABLE: Mapping[str, Ours] = MappingProxyType({**_BY_STRIPE, **_BY_BANK})


def decline_code(raw: str | None) -> Ours:
    """Our code for one of Stripe's, in any case (PM35); UNKNOWN_ERROR for one that is not in the table (PM31)."""
    return TABLE.get((raw or "").lower(), Ours.UNKNOWN_ERROR)
