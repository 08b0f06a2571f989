"""What one answer shows of a wallet is of one instant, whatever is committed meanwhile (W75)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.util import await_

from saifu import wallet_views, wallets
from saifu.clock import ManualClock
from saifu.ledger.entries import Funding
from saifu.store import Store
from tests.builders import RULES
from tests.client import Api
from tests.desk import a_desk

ONE = 'query ($id: ID!) { wallet(customerId: $id, currency: "USD") { balance { amount } } }'
OF_CUSTOMER = "query ($id: ID!) { customer(id: $id) { wallets { balance { amount } } } }"


@pytest.mark.parametrize("document", [ONE, OF_CUSTOMER])
@pytest.mark.postgres
async def test_a_sweep_in_the_middle_of_a_read_does_not_show_expired_money_as_spendable(
    document: str, client: Api, store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 000 of which 600 have expired are 400, also when the sweep commits between two statements of the read."""
    desk = await a_desk(store)
    await desk.credit(400)
    await desk.credit(600, funding=Funding.PROMOTIONAL, expires_at=clock.now() + timedelta(days=1))
    clock.advance(timedelta(days=1))
    read_lots = wallet_views._expiring
    swept: list[Any] = []

    def sweep_first(tx: Any, keys: Any) -> Any:
        if not swept:
            swept.append(await_(store.write(lambda own: wallets.sweep(own, desk.customer_id, "USD", RULES))))
        return read_lots(tx, keys)

    monkeypatch.setattr(wallet_views, "_expiring", sweep_first)
    found = await client.execute(document, id=desk.customer_id)
    assert swept
    wallet = found.get("wallet") or found["customer"]["wallets"][0]
    assert wallet["balance"]["amount"] == 400
