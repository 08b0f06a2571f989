"""Reads everything back, page by page, through the public contract and nothing else."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from tests.client import Api
from tests.faults.checker import Held, SeenEvent, WalletKey
from tests.faults.contract import ENTRY, entry_of
from tests.faults.journal import Entry

CURRENCIES = ("USD", "INR")
PAGE = 100

ENTRIES = f"""
query ($id: ID!, $first: Int!, $after: String) {{ customer(id: $id) {{
  ledgerEntries(first: $first, after: $after) {{ nodes {{ {ENTRY} }} pageInfo {{ hasNextPage endCursor }} }} }} }}
"""

EVENTS = """
query ($first: Int!, $after: String) {
  events(first: $first, after: $after, orderBy: CURSOR_ASC) {
    nodes { id name orderKey sequence data } pageInfo { hasNextPage endCursor } } }
"""

WALLETS = """
query ($id: ID!) { customer(id: $id) { wallets { balance { amount currency } } } }
"""

VERIFY = """
query ($id: ID!, $currency: Currency!) { ledgerVerify(customerId: $id, currency: $currency) { intact } }
"""

TRIAL_BALANCE = """
query { trialBalance { currency sum { amount } accounts { name balance { amount } } } }
"""


async def read_back(api: Api, customers: Sequence[str]) -> Held:
    """All entries, events and balances of these customers, the trial balance, and every chain verified."""
    entries: list[Entry] = []
    balances: dict[WalletKey, int] = {}
    chains: dict[WalletKey, bool] = {}
    for customer_id in customers:
        entries += [entry_of(customer_id, node) async for node in _nodes(api, ENTRIES, id=customer_id)]
        shown = (await api.execute(WALLETS, id=customer_id))["customer"]["wallets"]
        balances |= {(customer_id, w["balance"]["currency"]): w["balance"]["amount"] for w in shown}
        for currency in CURRENCIES:
            answer = await api.execute(VERIFY, id=customer_id, currency=currency)
            chains[customer_id, currency] = answer["ledgerVerify"]["intact"]
    events = [_event(node) async for node in _nodes(api, EVENTS)]
    trial = (await api.execute(TRIAL_BALANCE))["trialBalance"]
    return Held(
        entries=entries,
        events=[event for event in events if event.order_key in set(customers)],
        balances=balances,
        trial_minor={row["currency"]: row["sum"]["amount"] for row in trial},
        trial_wallets_minor={
            row["currency"]: account["balance"]["amount"]
            for row in trial
            for account in row["accounts"]
            if account["name"] == "wallets"
        },
        sound_chains=chains,
    )


async def _nodes(api: Api, document: str, **variables: Any) -> AsyncIterator[Mapping[str, Any]]:
    """Every node of the one connection in a document, over all of its pages."""
    after: str | None = None
    while True:
        connection = _connection(await api.execute(document, first=PAGE, after=after, **variables))
        for node in connection["nodes"]:
            yield node
        if not connection["pageInfo"]["hasNextPage"]:
            return
        after = connection["pageInfo"]["endCursor"]


def _connection(data: Any) -> Any:
    while "pageInfo" not in data:
        (data,) = data.values()
    return data


def _event(node: Mapping[str, Any]) -> SeenEvent:
    data = node["data"]
    change = node["name"] == "wallet.balance_changed"
    return SeenEvent(
        id=node["id"],
        type=node["name"],
        order_key=node["orderKey"],
        sequence=node["sequence"],
        entry_id=data["id"] if change else None,
        wallet=(data["customer_id"], data["currency"]) if change else None,
        entry_sequence=data["sequence"] if change else None,
        balance_minor=data["after_balance"] if change else None,
    )
