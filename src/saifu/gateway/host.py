"""What the gateway needs to know of the house it stands in front of."""

from collections.abc import Hashable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from graphql import DocumentNode, GraphQLError


class Rejected(Exception):
    """A request that goes no further: an HTTP status, a code that programs switch on, a text for people."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def body(self) -> dict[str, Any]:
        """As the answer to a GraphQL request that was never executed: without `data`."""
        extensions = {"code": self.code, "httpStatus": self.status}
        return {"errors": [{"message": self.message, "extensions": extensions}]}


class Closer(Protocol):
    """Ends a socket with a close code and a reason; returns at once."""

    def __call__(self, code: int, reason: str) -> None: ...


class Host(Protocol):
    """The house: who is let in, and what operations are given."""

    async def admit(self, authorization: str | None, request_id: str) -> Any:
        """The context for a request, or for a socket, that carries this credential.

        Raises:
            Rejected: UNAUTHENTICATED, with status 401.
        """
        ...

    def known(self, authorization: str | None, request_id: str) -> Any | None:
        """The same for a credential that needs no looking up; None otherwise, whether it is good or not."""
        ...

    def open_socket(self, context: Any, close: Closer) -> AbstractContextManager[None]:
        """Within it the socket is open: the house closes it when its credential ends (A42)."""
        ...

    def may_introspect(self, context: Any) -> bool:
        """Whether this caller may look at the schema, and is told what it may have meant (A64)."""
        ...

    def caller_id(self, context: Any) -> str:
        """Whose limits a request counts against: the credential's id."""
        ...

    def sharing_key(self, context: Any) -> Hashable | None:
        """What decides what this caller may see: callers of one key see the same. None: never take them for alike."""
        ...

    def check(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        """Look at a good document and its raw variables before anything runs.

        Raises:
            GraphQLError: something in them can never be taken.
        """
        ...

    def dress(
        self, error: GraphQLError, document: DocumentNode | None, variables: Mapping[str, Any], context: Any
    ) -> GraphQLError:
        """An error as the client may see it: with `extensions.code`, and of a fault a reference only."""
        ...

    def resume_from(self) -> str | None:
        """Asked in the task of a stream: the cursor of the last message that was sent."""
        ...
