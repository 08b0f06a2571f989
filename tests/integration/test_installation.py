"""A database belongs to one business in one mode, from the first start on (ruling 5)."""

import pytest

from saifu import installation
from saifu.installation import WrongInstallation
from saifu.store import Store


async def claim(store: Store, business_id: str = "bus_a", mode: str = "test") -> bool:
    return await store.write(lambda tx: installation.ensure(tx, business_id, mode))


async def test_a_fresh_database_becomes_that_of_whoever_comes_first(store):
    assert await claim(store) is True
    assert await claim(store) is False


@pytest.mark.parametrize(("business_id", "mode"), [("bus_a", "live"), ("bus_b", "test"), ("bus_b", "live")])
async def test_another_business_or_mode_is_refused_with_what_to_set(store, business_id, mode):
    await claim(store)
    with pytest.raises(
        WrongInstallation, match=r"belongs to bus_a in test mode.*SAIFU_BUSINESS_ID and SAIFU_MODE"
    ):
        await claim(store, business_id, mode)
    assert await claim(store) is False
