"""What is typed on the page is nowhere afterwards (SR90, SR91, S22, S23), nor is the secret of a link (PM86)."""

from pathlib import Path
from typing import Any

import pytest

from saifu.store import Store
from tests.api.mutations import a_new_customer
from tests.checkout import CARD, CHALLENGED, DECLINED, a_checkout
from tests.client import Api

TYPED = (CARD, DECLINED, CHALLENGED, "4539578763621486", "8471")
"""Published cards, one that might be real, and a security code that nobody else uses."""


@pytest.mark.sqlite_only
async def test_no_card_and_no_link_is_in_the_database_or_in_a_log(
    client: Api, store: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a script, whatever came of it: paid, declined, challenged, mistyped, kept, or taken as a mandate."""
    customer_id = await a_new_customer(client)
    known: dict[str, Any] = {"customer": {"id": customer_id}}
    first = await a_checkout(client, **known)
    await first.pays("4539578763621486")
    await first.pays(CARD, card_cvc="8471")
    await first.pays(DECLINED)
    await first.pays(CHALLENGED)
    second = await a_checkout(client, key="keeps", **known)
    await second.pays(CARD, keep="yes")
    third = await a_checkout(client, key="mandate", purpose="MANDATE", lines=None, **known)
    await third.pays(CARD)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    kept = b"".join(path.read_bytes() for path in files)
    assert first.id.encode() in kept
    said = "".join(capfd.readouterr())
    secrets = [*TYPED, *(checkout.token for checkout in (first, second, third))]
    assert [secret for secret in secrets if secret.encode() in kept or secret in said] == []
