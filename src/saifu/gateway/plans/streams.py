"""The answers to a subscription, one for each event of its source."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from graphql import ExecutionResult


class Responses(AsyncGenerator[ExecutionResult, None]):
    """A stream of results: it ends with its source, fails as its source fails, and closing it closes its source.

    Not a generator function: one that was never begun would not close its source.
    """

    def __init__(
        self, source: AsyncIterable[Any], execute: Callable[[Any], Awaitable[ExecutionResult]]
    ) -> None:
        self._source: AsyncIterator[Any] = aiter(source)
        self._execute = execute
        self._is_over = False

    async def asend(self, value: None) -> ExecutionResult:
        if self._is_over:
            raise StopAsyncIteration
        try:
            return await self._execute(await anext(self._source))
        except BaseException:
            await self.aclose()
            raise

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
    ) -> ExecutionResult:
        await self.aclose()
        if isinstance(typ, BaseException):
            raise typ
        raise val if isinstance(val, BaseException) else typ(*(() if val is None else (val,)))

    async def aclose(self) -> None:
        """Close the source; what goes wrong there is nobody's business any more."""
        if self._is_over:
            return
        self._is_over = True
        close: Callable[[], Awaitable[None]] | None = getattr(self._source, "aclose", None)
        if close is not None:
            with suppress(Exception):
                await close()
