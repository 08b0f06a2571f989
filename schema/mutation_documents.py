"""Making links to documents, and ending them (PM66)."""

from datetime import datetime
from typing import Annotated

import strawberry

from resolvers import documents

from .inputs_documents import DocumentLinkCreateInput, DocumentLinksRevokeInput
from .outcome import answering
from .payloads import ASKED, Answer
from .types import node_of
from .values import Info, Node

_DOCUMENT = "The invoice or the receipt; null when refused."


@strawberry.type(description="The new link, or why there is none. Whoever has it sees the document.")
class DocumentLinkCreatePayload(Answer):
    document: Node | None = strawberry.field(default=None, description=_DOCUMENT)
    html_url: str | None = strawberry.field(
        default=None, description="The document as a page. Shown this once; null when refused or replayed."
    )
    pdf_url: str | None = strawberry.field(
        default=None, description="The same as a PDF. Shown this once; null when refused or replayed."
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="When both end; null when refused or replayed."
    )


@strawberry.type(description="The document that has no links any more, or why it still has.")
class DocumentLinksRevokePayload(Answer):
    document: Node | None = strawberry.field(default=None, description=_DOCUMENT)


@strawberry.type
class DocumentMutations:
    @strawberry.mutation(
        description="Make a link to an invoice or a receipt, which opens it without a credential for up to 30 days "
        "(PM66). A customer session may, for its own customer's. Errors: `NOT_FOUND`, `INVALID_REQUEST_PARAMETERS`, "
        "`IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(DocumentLinkCreatePayload)
    async def document_link_create(
        self, info: Info, input: Annotated[DocumentLinkCreateInput, ASKED]
    ) -> DocumentLinkCreatePayload:
        ctx = info.context
        made = await documents.link(ctx, input.document_id, input.expires_in_days, input.idempotency_key)
        return DocumentLinkCreatePayload(
            document=node_of(made.document, ctx),
            html_url=made.html_url,
            pdf_url=made.pdf_url,
            expires_at=made.expires_at,
            replayed=made.html_url is None,
        )

    @strawberry.mutation(
        description="End every link to an invoice or a receipt, at once (PM66). Errors: `NOT_FOUND`, "
        "`IDEMPOTENCY_KEY_REUSED`."
    )
    @answering(DocumentLinksRevokePayload)
    async def document_links_revoke(
        self, info: Info, input: Annotated[DocumentLinksRevokeInput, ASKED]
    ) -> DocumentLinksRevokePayload:
        document, replayed = await documents.revoke_links(
            info.context, input.document_id, input.idempotency_key
        )
        return DocumentLinksRevokePayload(document=node_of(document, info.context), replayed=replayed)
