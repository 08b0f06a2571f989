"""Every mutation as a client would write it, and its answer."""

from typing import Any

from tests.client import Api

_ERRORS = """
  replayed
  errors {
    __typename code message path httpStatus retryable moneyMovement
    ... on InsufficientFundsError {
      balance { amount currency } requested { amount } shortfall { amount currency }
    }
    ... on IdempotencyKeyReusedError { mismatchedFields }
    ... on StaleVersionError { currentVersion }
  }
"""
_CUSTOMER = """customer {
  id email name phoneNumber metadata preferredLocale blockedAt anonymisedAt version
  billingAddress { country city state street zipcode }
}"""
_WALLET = "wallet { id balance { amount } lowBalanceThreshold { amount } sequence version }"
_SELECTIONS = {
    "customerCreate": _CUSTOMER,
    "customerUpdate": _CUSTOMER,
    "customerDelete": _CUSTOMER,
    "customerBlock": _CUSTOMER,
    "customerUnblock": _CUSTOMER,
    "customerSessionCreate": "customerSession { id customerId expiresAt customer { name } } token",
    "ledgerEntryCreate": """ledgerEntry {
      id sequence isCredit eventType reason funding expiresAt idempotencyKey metadata hash contraAccount
      amount { amount currency } beforeBalance { amount } afterBalance { amount } actor { type id }
      lots { amount { amount } lot { id status } }
    } """
    + _WALLET,
    "walletUpdate": _WALLET,
    "lotUpdateExpiry": "lot { id expiresAt status }",
    "documentLinkCreate": "document { id } htmlUrl pdfUrl expiresAt",
    "documentLinksRevoke": "document { id }",
    "apiKeyCreate": "apiKey { id name prefix scopes revokedAt } secret",
    "apiKeyRevoke": "apiKey { id revokedAt }",
}
MUTATIONS = tuple(_SELECTIONS)


def document(mutation: str) -> str:
    kind = mutation[0].upper() + mutation[1:] + "Input"
    return (
        f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ {_SELECTIONS[mutation]} {_ERRORS} }} }}"
    )


async def change(client: Api, mutation: str, **given: Any) -> Any:
    """The payload of a mutation, refused or not."""
    return (await client.execute(document(mutation), input=given))[mutation]


async def done(client: Api, mutation: str, **given: Any) -> Any:
    """The payload of a mutation that must not be refused."""
    payload = await change(client, mutation, **given)
    assert payload["errors"] == []
    return payload


async def refused(client: Api, mutation: str, **given: Any) -> Any:
    """The one error of a mutation that must be refused; its objects are null."""
    payload = await change(client, mutation, **given)
    (error,) = payload["errors"]
    assert [name for name, value in payload.items() if name not in {"errors", "replayed"} and value] == []
    assert payload["replayed"] is False
    return error


async def a_new_customer(client: Api, **given: Any) -> str:
    payload = await done(client, "customerCreate", **{"email": "aiko@example.com", "name": "Aiko", **given})
    return str(payload["customer"]["id"])


def an_entry(customer_id: str, **given: Any) -> dict[str, Any]:
    """The input of a credit of 50.00 USD, but for what is given."""
    return {
        "customerId": customer_id,
        "currency": "USD",
        "amount": 5000,
        "entryType": "CREDIT",
        "idempotencyKey": "deposit_pay_1",
        **given,
    }
