"""What can be asked about sources."""

from typing import Annotated

import strawberry
from strawberry import ID

from resolvers import sources

from .types_sources import Source, SourceProgress
from .values import Info

OneSource = Annotated[ID, strawberry.argument(description="Which source, `src_…`.")]


@strawberry.type
class SourceQueries:
    @strawberry.field(
        description="A source by its id, also one that is of no use any more (SR56). Needs `SOURCES_READ`."
    )
    async def source(self, info: Info, id: OneSource) -> Source | None:
        row = await sources.one(info.context, id)
        return Source.of(row) if row else None

    @strawberry.field(
        description="How a source stands, for whoever holds its client secret: also a session that cannot see the "
        "source itself (SR96). Null when either is wrong."
    )
    async def source_progress(
        self,
        info: Info,
        id: OneSource,
        client_secret: Annotated[
            str, strawberry.argument(description="The secret that `sourceCreate` has shown.")
        ],
    ) -> SourceProgress | None:
        progress = await sources.progress(info.context, id, client_secret)
        return SourceProgress.of(progress) if progress else None
