"""What the gateway is compared with, each in a process of its own.

`python -m bench.rivals plain PORT FILE` answers every request with the bytes of a file: what Starlette on uvicorn costs
when nothing is done. `python -m bench.rivals stock PORT DATABASE_URL` serves saifu's own schema with Strawberry's own
view on graphql-core, for anybody who asks.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from strawberry.asgi import GraphQL

from resolvers.context import Caller, CallerKind, Context
from saifu import flows
from saifu.clock import SystemClock
from saifu.feed import Feed
from saifu.keys import Scope
from saifu.posting import Rules
from saifu.settings import Settings
from saifu.store import open_store
from schema import schema

ROOT = Path(__file__).resolve().parents[2]


def plain(path: Path) -> Starlette:
    answer = path.read_bytes()

    async def same(request: Request) -> Response:
        await request.body()
        return Response(answer, media_type="application/json")

    return Starlette(routes=[Route("/graphql", same, methods=["GET", "POST"])])


def stock(url: str) -> Starlette:
    settings = Settings.model_validate({"database_url": url})
    held: dict[str, Any] = {}

    class View(GraphQL[Any, None]):
        async def get_context(self, request: Any, response: Any) -> Any:
            store = held["store"]
            return Context(
                store,
                store.clock,
                settings,
                Rules.of(settings),
                held["feed"],
                flows.build(settings, store),
                _ADMIN,
                "req_bench",
            )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        held["store"] = await open_store(url, SystemClock())
        held["feed"] = Feed(held["store"])
        yield
        await held["store"].close()

    return Starlette(routes=[Route("/graphql", View(schema))], lifespan=lifespan)


_ADMIN = Caller(CallerKind.API_KEY, "key_bench", frozenset({Scope.ADMIN}))


@asynccontextmanager
async def running(kind: str, port: int, argument: str) -> AsyncIterator[None]:
    """The rival in another process, from when it answers until it is killed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.rivals", kind, str(port), argument), cwd=ROOT
    )
    try:
        async with asyncio.timeout(30):
            while not await _answers(port):
                await asyncio.sleep(0.1)
        yield
    finally:
        process.kill()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def main() -> None:
    kind, port, argument = sys.argv[1:]
    app = plain(Path(argument)) if kind == "plain" else stock(argument)
    uvicorn.run(app, port=int(port), http="httptools", loop="uvloop", access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
