"""The GraphQL endpoint over HTTP, and the door to the one over websocket."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from strawberry import Schema
from strawberry.asgi import GraphQL
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionResult, PreExecutionError
from strawberry.types.graphql import OperationType

from . import requests
from .host import Host, Rejected

_ALLOWED = {
    "GET": {OperationType.QUERY},
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}


class View(GraphQL[Any, None]):
    """Strawberry's ASGI view with its HTTP half replaced.

    Args:
        schema: what is served.
        host: who is let in.
        page: the explorer's page for a browser, or None where there is none.
        page_policy: the content security policy the page needs.
        on_result: told of each operation over HTTP: its kind, the codes of its errors, and how many seconds it took.
    """

    def __init__(
        self,
        schema: Schema,
        host: Host,
        *,
        page: str | None,
        page_policy: str,
        on_result: Callable[[str, Sequence[str], float], None],
    ) -> None:
        super().__init__(schema, graphql_ide=None, subscription_protocols=())
        self.host = host
        self.page = page
        self.page_policy = page_policy
        self.on_result = on_result

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        started = perf_counter()
        try:
            response = await self._answer(request, started)
        except Rejected as no:
            self.on_result("none", [no.code], perf_counter() - started)
            response = _json(no.body, no.status, no.headers)
        await response(scope, receive, send)

    def decode_json(self, data: str | bytes) -> object:
        return requests.parsed(data)

    async def _answer(self, request: Request, started: float) -> Response:
        if request.method not in _ALLOWED:
            raise requests.bad("Use POST, or GET for queries.", 405, allow="GET, POST")
        if self._is_for_browser(request):
            return HTMLResponse(self.page, headers={"content-security-policy": self.page_policy})
        context = await self.host.admit(request.headers.get("authorization"), request.state.request_id)
        operation = await requests.read(request)
        requests.refuse_ambiguity(operation)
        result = await self._execute(request.method, operation, context)
        errors = [error.formatted for error in result.errors or ()]
        codes = [str(e.get("extensions", {}).get("code", "")) for e in errors]
        self.on_result(operation.kind, codes, perf_counter() - started)
        body: dict[str, Any] = {"errors": errors} if errors else {}
        if not isinstance(result, PreExecutionError):
            body["data"] = result.data
        if result.extensions:
            body["extensions"] = result.extensions
        return _json(body, 200, {})

    async def _execute(self, method: str, operation: requests.Request, context: Any) -> ExecutionResult:
        try:
            result = await self.schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.name,
                allowed_operation_types=_ALLOWED[method],
            )
        except CannotGetOperationTypeError:
            raise requests.bad("The document has no operation of that name.") from None
        except InvalidOperationTypeError as wrong:
            raise _wrong_kind(method, wrong.operation_type) from None
        assert isinstance(result, ExecutionResult), "there is no incremental delivery here"
        return result

    def _is_for_browser(self, request: Request) -> bool:
        wanted = request.method == "GET" and "query" not in request.query_params
        return wanted and self.page is not None and "text/html" in request.headers.get("accept", "")


def _wrong_kind(method: str, kind: OperationType) -> Rejected:
    if kind is OperationType.SUBSCRIPTION:
        return requests.bad("Subscriptions run over websocket, protocol graphql-transport-ws.")
    return requests.bad(f"A {kind.value} needs POST, not {method}.", 405, allow="POST")


def _json(body: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    return Response(requests.encoded(body), status, headers, media_type=requests.JSON_TYPE)
