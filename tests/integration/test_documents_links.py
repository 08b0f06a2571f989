"""Links to documents: who has one sees that document, for a while, and nothing else (PM66)."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from httpx import ASGITransport, AsyncClient
from sqlmodel import select
from starlette.applications import Starlette

from saifu.clock import ManualClock
from saifu.documents import html, issuing, links, pages, pdf
from saifu.documents.content import Content
from saifu.redaction import scrub
from saifu.refusals import ErrorCode, IdempotencyKeyReused, Refusal
from saifu.store import Store
from saifu.tables import AuditRecord, DocumentLink, Invoice
from tests.builders import a_customer
from tests.documents import PAYMENT_RULES, a_payment, a_refund


@pytest.fixture
async def invoice(store: Store) -> Invoice:
    customer = await store.write(a_customer)
    issued = await store.write(lambda tx: issuing.paid(tx, a_payment(tx, customer.id), PAYMENT_RULES))
    assert isinstance(issued, Invoice)
    return issued


@pytest.fixture
async def browser(store: Store) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(Starlette(routes=pages.routes(store)))
    async with AsyncClient(transport=transport, base_url="http://pay.example") as client:
        yield client


async def a_token(store: Store, document_id: str, days: int = 30) -> str:
    link = await store.write(lambda tx: links.create(tx, document_id, days, None))
    assert link.token is not None
    return link.token


async def test_a_token_is_random_and_only_its_hash_is_stored(store: Store, invoice: Invoice) -> None:
    token = await a_token(store, invoice.id)
    assert len(token) == len("dt_") + 43, "256 bits in base64"
    (row,) = await store.read(lambda tx: tx.all(select(DocumentLink)))
    assert token not in str(row.__dict__)
    (audited,) = await store.read(
        lambda tx: tx.all(select(AuditRecord).where(AuditRecord.mutation == "documentLinkCreate"))
    )
    assert (audited.object_id, audited.customer_id) == (invoice.id, invoice.customer_id)
    assert audited.detail_json == '{"expires_in_days":30}'
    assert token not in scrub(f"GET /documents/{token}.pdf")


async def test_it_opens_the_page_and_the_pdf_of_its_document(
    store: Store, invoice: Invoice, browser: AsyncClient
) -> None:
    page_url, pdf_url = links.urls("http://pay.example/", await a_token(store, invoice.id))
    content = Content.thawed(invoice.content_json)
    page, file, also = (
        await browser.get(page_url),
        await browser.get(pdf_url),
        await browser.get(f"{page_url}?format=pdf"),
    )
    assert (page.status_code, page.content) == (200, html.page(content))
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == html.POLICY
    assert (file.status_code, file.content) == (200, pdf.file(content))
    assert file.headers["content-type"] == "application/pdf"
    assert also.content == file.content
    for answer, ending in ((page, "html"), (file, "pdf")):
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        assert f'filename="INV-000001.{ending}"' in answer.headers["content-disposition"]


async def test_a_receipt_has_links_too(store: Store, invoice: Invoice, browser: AsyncClient) -> None:
    payment = await store.write(lambda tx: a_payment(tx, invoice.customer_id))
    refund = await store.write(lambda tx: a_refund(tx, payment, wallet=5_00))
    receipt = await store.write(lambda tx: issuing.refunded(tx, refund, payment, PAYMENT_RULES))
    answer = await browser.get(links.urls("", await a_token(store, receipt.id))[0])
    assert "RCP-000001" in answer.text


async def test_a_link_ends_after_its_days(
    store: Store, clock: ManualClock, invoice: Invoice, browser: AsyncClient
) -> None:
    url = links.urls("", await a_token(store, invoice.id, days=1))[0]
    clock.advance(timedelta(days=1, microseconds=-1))
    assert (await browser.get(url)).status_code == 200
    clock.advance(timedelta(microseconds=1))
    assert (await browser.get(url)).status_code == 404


async def test_revoking_ends_every_link_of_one_document_and_of_no_other(
    store: Store, invoice: Invoice, browser: AsyncClient
) -> None:
    other = await store.write(lambda tx: issuing.paid(tx, a_payment(tx), PAYMENT_RULES))
    first, second, kept = [links.urls("", await a_token(store, of.id))[0] for of in (invoice, invoice, other)]
    await store.write(lambda tx: links.revoke(tx, invoice.id, None))
    statuses = [(await browser.get(url)).status_code for url in (first, second, kept)]
    assert statuses == [404, 404, 200]
    fresh = links.urls("", await a_token(store, invoice.id))[0]
    assert (await browser.get(fresh)).status_code == 200


@pytest.mark.parametrize("token", ["dt_", "dt_" + "x" * 43, "inv_1", "dt_é", "dt_%00", "dt_" + "x" * 5_000])
async def test_any_other_token_leads_nowhere_with_no_hint_why(
    store: Store, invoice: Invoice, browser: AsyncClient, token: str
) -> None:
    await a_token(store, invoice.id)
    answer = await browser.get(f"/documents/{token}")
    assert answer.status_code == 404
    assert "INV-000001" not in answer.text


@pytest.mark.parametrize("days", [-1, 0, 31, 10**9])
async def test_a_link_lasts_from_1_to_30_days(store: Store, invoice: Invoice, days: int) -> None:
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: links.create(tx, invoice.id, days, None))
    assert caught.value.code is ErrorCode.INVALID_REQUEST_PARAMETERS
    assert caught.value.path == ("input", "expiresInDays")


@pytest.mark.parametrize("document_id", ["", "inv_x", "rcp_x", "cus_x", "inv_\0"])
async def test_there_is_no_link_to_what_is_not_there(store: Store, document_id: str) -> None:
    for ask in (
        lambda tx: links.create(tx, document_id, 1, None),
        lambda tx: links.revoke(tx, document_id, None),
    ):
        with pytest.raises(Refusal) as caught:
            await store.write(ask)
        assert caught.value.code is ErrorCode.NOT_FOUND


async def test_a_repeated_key_makes_no_second_link_and_shows_no_token(store: Store, invoice: Invoice) -> None:
    first = await store.write(lambda tx: links.create(tx, invoice.id, 7, "k"))
    again = await store.write(lambda tx: links.create(tx, invoice.id, 7, "k"))
    assert first.token is not None
    assert again.token is None
    assert len(await store.read(lambda tx: tx.all(select(DocumentLink)))) == 1
    with pytest.raises(IdempotencyKeyReused):
        await store.write(lambda tx: links.create(tx, invoice.id, 8, "k"))


async def test_who_comes_when_too_many_wait_is_asked_to_come_again(
    store: Store, invoice: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go, content = threading.Event(), Content.thawed(invoice.content_json)

    def slow(_content: Content) -> bytes:
        assert may_go.wait(60)
        return b"%PDF"

    monkeypatch.setattr(pages, "MOST_WAITING", 3)
    desk = pages.Desk(store)
    url = links.urls("", await a_token(store, invoice.id))[0]
    transport = ASGITransport(Starlette(routes=desk.routes))
    async with AsyncClient(transport=transport, base_url="http://pay.example") as browser:
        drawn = [asyncio.create_task(desk._written(content, slow)) for _ in range(3)]
        await asyncio.sleep(0)
        refused = await browser.get(url)
        may_go.set()
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert await asyncio.gather(*drawn) == [b"%PDF"] * 3
        assert (await browser.get(url)).status_code == 200


def test_a_file_is_named_after_the_number_whatever_is_in_its_prefix() -> None:
    assert pages._disposition('№ "7"-000001', "pdf") == (
        "inline; filename=\"_7_-000001.pdf\"; filename*=UTF-8''%E2%84%96%20%227%22-000001.pdf"
    )
