"""A schema ready to be served, whatever the transport: from what a client sent to what it is answered.

HTTP and websockets differ in how they carry a request and its answers, and in nothing else.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from graphql import DocumentNode, ExecutionResult, FieldNode, GraphQLError, GraphQLSchema

from .documents import Documents, Invalid, Operation, bounded
from .execution import Executor
from .host import Host
from .requests import Request
from .sharing import Channel, Channels
from .written import encoded


@dataclass(slots=True)
class Answer:
    """What a client is told of an operation, or of one event of a stream.

    Attributes:
        executed: whether the operation began; without it the answer has no `data` entry at all.
        errors: as they are sent, each with `extensions.code`.
        written: the body in JSON, once `encoded` was asked for it.
    """

    executed: bool
    data: Any = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    extensions: dict[str, Any] = field(default_factory=dict)
    written: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def codes(self) -> list[str]:
        return [str(error.get("extensions", {}).get("code", "")) for error in self.errors]

    def body(self) -> dict[str, Any]:
        """As it is written in JSON: errors first, since they are what a reader must not miss."""
        body: dict[str, Any] = {"errors": self.errors} if self.errors else {}
        if self.executed:
            body["data"] = self.data
        if self.extensions:
            body["extensions"] = self.extensions
        return body

    def encoded(self) -> bytes:
        """The body in JSON, written once: to be asked for when nothing is added to the answer any more."""
        if self.written is None:
            self.written = encoded(self.body())
        return self.written


_BODY = b'{"data":%b,"extensions":{"cost":%b}}'


class Service:
    """Takes requests through documents, limits and execution."""

    def __init__(self, schema: GraphQLSchema, host: Host, documents: Documents) -> None:
        self._host = host
        self._documents = documents
        self._executor = Executor(schema)
        self._streams = schema.subscription_type.fields if schema.subscription_type else {}
        self._channels: Channels[Answer] = Channels()

    def begin(self, request: Request, context: Any) -> Operation:
        """The operation that a request asks for, found good: nothing has run yet.

        Raises:
            Rejected: the request makes no sense.
            Invalid: its document, or its cost, does not pass.
        """
        operation = self._documents.operation(request, verbose=self._host.may_introspect(context))
        self._documents.check_cost(operation, request.variables or {})
        return operation

    async def execute(self, operation: Operation, request: Request, context: Any) -> Answer:
        """Run a query or a mutation to its end."""
        variables = request.variables or {}
        if objection := self._objection(operation, variables, context):
            return objection
        hidden = not self._host.may_introspect(context)
        result = await self._executor.execute(operation, variables, context, hide_suggestions=hidden)
        answer = self._answer(result, operation, variables, context)
        if answer.executed:
            answer.extensions["cost"] = self._cost(operation, variables)
        return answer

    def soon(
        self, operation: Operation, request: Request, context: Any, told: Callable[[bytes | None], None]
    ) -> bool:
        """Run a query without a task, where that is possible and there is nothing against it.

        Returns:
            Whether `told` will be called: with the body that `execute` would have come to, or with None when there is
            no way around `execute`.
        """
        variables = request.variables or {}
        try:
            self._host.check(operation.document, variables)
        except GraphQLError:
            return False

        def answered(data: bytes | None) -> None:
            price = _price(operation.cost(variables), self._documents.limits.cost)
            told(None if data is None else _BODY % (data, price))

        return self._executor.soon(operation, variables, context, answered)

    async def subscribe(
        self, operation: Operation, request: Request, context: Any
    ) -> AsyncGenerator[Answer, None] | Answer:
        """Begin a stream; an answer instead of one says why there is none."""
        variables = request.variables or {}
        if objection := self._objection(operation, variables, context):
            return objection
        hidden = not self._host.may_introspect(context)
        source = await self._executor.source(operation, variables, context, hide_suggestions=hidden)
        if isinstance(source, ExecutionResult):
            return self._answer(source, operation, variables, context)
        return self._answers(source, operation, variables, context)

    def refused(self, invalid: Invalid, request: Request, context: Any) -> Answer:
        """The answer to a request that `begin` did not let through."""
        return self._refusal(invalid.errors, invalid.document, request.variables or {}, context)

    async def _answers(
        self,
        source: AsyncGenerator[Any, None],
        operation: Operation,
        variables: Mapping[str, Any],
        context: Any,
    ) -> AsyncGenerator[Answer, None]:
        async def made(event: Any) -> Answer:
            result = await self._executor.event(operation, variables, context, event)
            return self._answer(result, operation, variables, context)

        try:
            with self._channel(operation, variables, context) as channel:
                async with aclosing(source):
                    async for event in source:
                        yield channel.known(event) or await channel.answer(event, made)
        except Exception as fault:  # noqa: BLE001 - the source failed; `dress` tells the client, and the log
            error = (
                fault if isinstance(fault, GraphQLError) else GraphQLError(str(fault), original_error=fault)
            )
            yield self._refusal([error], operation.document, variables, context)

    def _channel(self, operation: Operation, variables: Mapping[str, Any], context: Any) -> Channel[Answer]:
        """Where all listen who get the same answers; a channel of one's own where nobody else does."""
        root = operation.definition.selection_set.selections[0]
        shared = isinstance(root, FieldNode) and self._streams[root.name.value].extensions.get("shared")
        visibility = self._host.sharing_key(context) if shared else None
        return Channel() if visibility is None else self._channels.of(operation, variables, visibility)

    def _cost(self, operation: Operation, variables: Mapping[str, Any]) -> dict[str, int]:
        """What an answer says of its price (A61)."""
        return _told_cost(operation.cost(variables), self._documents.limits.cost)

    def _objection(self, operation: Operation, variables: Mapping[str, Any], context: Any) -> Answer | None:
        """What the house has against running the operation with these variables, if anything."""
        try:
            self._host.check(operation.document, variables)
        except GraphQLError as error:
            return self._refusal([error], operation.document, variables, context)
        return None

    def _answer(
        self, result: ExecutionResult, operation: Operation, variables: Mapping[str, Any], context: Any
    ) -> Answer:
        if not result.errors:
            return Answer(True, result.data)
        # Without a path it was the variables, or the stream itself: nothing was executed.
        executed = result.data is not None or any(error.path for error in result.errors)
        told = result.errors if executed else result.errors[: self._documents.limits.errors]
        return Answer(executed, result.data, self._dressed(told, operation.document, variables, context))

    def _refusal(
        self,
        errors: Iterable[GraphQLError],
        document: DocumentNode | None,
        variables: Mapping[str, Any],
        context: Any,
    ) -> Answer:
        return Answer(False, errors=self._dressed(errors, document, variables, context))

    def _dressed(
        self,
        errors: Iterable[GraphQLError],
        document: DocumentNode | None,
        variables: Mapping[str, Any],
        context: Any,
    ) -> list[dict[str, Any]]:
        told = [self._host.dress(error, document, variables, context).formatted for error in errors]
        return [{**error, "message": bounded(error["message"])} for error in told]


def _told_cost(requested: int, limit: int) -> dict[str, int]:
    """A price as it is told.

    `remaining` is what the same operation could still have asked for: the limit is per operation, and nothing adds up
    from one request to the next.
    """
    return {"requested": requested, "limit": limit, "remaining": limit - requested}


@lru_cache(maxsize=1_024)
def _price(requested: int, limit: int) -> bytes:
    return encoded(_told_cost(requested, limit))
