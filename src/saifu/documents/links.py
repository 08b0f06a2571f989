"""Links to documents: a secret that opens one document, for at most 30 days, until it is revoked (PM66)."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, or_, update
from sqlmodel import col, select

from saifu import audit
from saifu.fields import storable
from saifu.idempotency import once
from saifu.refusals import ErrorCode, Refusal, invalid
from saifu.store import Store, Tx
from saifu.tables import DocumentLink, Instant, Invoice, Receipt

from .content import Content
from .reading import Document, find

PREFIX: Final = "dt_"
LONGEST_DAYS: Final = 30
PATH: Final = "/documents/"
_RANDOM_BYTES = 32
_LONGEST_TOKEN = 64

_BY_HASH = select(DocumentLink).where(col(DocumentLink.token_hash) == bindparam("token_hash"))
_REVOKE = (
    update(DocumentLink)
    .where(col(DocumentLink.document_id) == bindparam("of_document"), col(DocumentLink.revoked_at).is_(None))
    .values(revoked_at=bindparam("to_revoked_at", type_=Instant()))
)
_REVOKE_ALL = (
    update(DocumentLink)
    .where(
        col(DocumentLink.revoked_at).is_(None),
        or_(
            *(
                col(DocumentLink.document_id).in_(
                    select(col(kind.id)).where(col(kind.customer_id) == bindparam("of_customer"))
                )
                for kind in (Invoice, Receipt)
            )
        ),
    )
    .values(revoked_at=bindparam("to_revoked_at", type_=Instant()))
)


@dataclass(frozen=True, slots=True)
class Link:
    """A link that was made; `token` is None when an earlier request with the same key had made it: it is not kept."""

    document: Document
    token: str | None
    expires_at: datetime


def create(tx: Tx, document_id: str, days: int, key: str | None) -> Link:
    """A link to a document, good for `days` days. Whoever has it sees the document without any credential.

    Raises:
        Refusal: NOT_FOUND, INVALID_REQUEST_PARAMETERS (1 to 30 days).
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise invalid(f"A link lasts from 1 to {LONGEST_DAYS} days.", "expiresInDays")
    document = existing(tx, document_id)
    token, expires_at = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES), tx.now + timedelta(days=days)

    def do() -> str:
        tx.insert(
            DocumentLink(
                token_hash=_hash(token),
                document_id=document_id,
                created_at=tx.now,
                expires_at=expires_at,
                revoked_at=None,
            )
        )
        audit.record(tx, "documentLinkCreate", document_id, document.customer_id, {"expires_in_days": days})
        return document_id

    request = {"document_id": document_id, "expires_in_days": days}
    done = once(tx, key, "documentLinkCreate", request, do)
    return Link(document, None if done.replayed else token, expires_at)


def revoke(tx: Tx, document_id: str, key: str | None) -> tuple[Document, bool]:
    """End every link to a document; answers with it, and whether an earlier request had.

    Raises:
        Refusal: NOT_FOUND.
    """
    document = existing(tx, document_id)

    def do() -> str:
        tx.run(_REVOKE, of_document=document_id, to_revoked_at=tx.now)
        audit.record(tx, "documentLinksRevoke", document_id, document.customer_id)
        return document_id

    return document, once(tx, key, "documentLinksRevoke", {"document_id": document_id}, do).replayed


def revoke_all(tx: Tx, customer_id: str) -> None:
    """End every link to the documents of a customer who is being deleted (CU53); the documents stay (CU54)."""
    tx.run(_REVOKE_ALL, of_customer=customer_id, to_revoked_at=tx.now)


def existing(tx: Tx, document_id: str) -> Document:
    """An invoice or a receipt.

    Raises:
        Refusal: NOT_FOUND.
    """
    found = find(tx, document_id) if storable(document_id) else None
    if found is None:
        raise unknown()
    return found


def unknown() -> Refusal:
    """The refusal of a document that is not there, or not there for whoever asks."""
    return Refusal(ErrorCode.NOT_FOUND, "There is no such document.", ("input", "documentId"))


async def opened(store: Store, token: str) -> Content | None:
    """The document that a token opens now; None when it opens none, with no hint why."""
    if not token.startswith(PREFIX) or not token.isascii() or len(token) > _LONGEST_TOKEN:
        return None
    return await store.read(lambda tx: _opened(tx, token))


def _opened(tx: Tx, token: str) -> Content | None:
    link = tx.first(_BY_HASH, token_hash=_hash(token))
    if link is None or not hmac.compare_digest(link.token_hash, _hash(token)):
        return None
    if link.revoked_at is not None or tx.now >= link.expires_at:
        return None
    document = find(tx, link.document_id)
    return Content.thawed(document.content_json) if document else None


def urls(base: str, token: str) -> tuple[str, str]:
    """Where a token leads, as a page and as a PDF; `base` is where the gateway is reached, such as its public URL."""
    page = f"{base.rstrip('/')}{PATH}{token}"
    return page, f"{page}.pdf"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
