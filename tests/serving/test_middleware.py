"""What every answer carries: an id, headers that keep browsers careful, and never a traceback (A26)."""

from contextlib import nullcontext
from typing import Any

import httpx
import pytest

from saifu.gateway.middleware import Requests

CAREFUL = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


class Around:
    """The layer around an application, and what it was told of requests."""

    def __init__(self, app: Any) -> None:
        self.told: list[tuple[str, str, str, int]] = []
        self.layer = Requests(app, lambda: "req_made", lambda _id: nullcontext(), self._answered)

    def _answered(self, request_id: str, method: str, path: str, status: int, duration_ms: float) -> None:
        assert duration_ms >= 0
        self.told.append((request_id, method, path, status))

    async def get(self, path: str = "/x", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.layer)
        async with httpx.AsyncClient(transport=transport, base_url="http://a.test") as client:
            return await client.get(
                path, headers={name.replace("_", "-"): value for name, value in headers.items()}
            )


async def fine(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": [(b"cache-control", b"public")]})
    await send({"type": "http.response.body"})


async def bare(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})


async def broken(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("the secret of the kitchen")


async def torn(scope: Any, receive: Any, send: Any) -> None:
    await bare(scope, receive, send)
    raise RuntimeError("too late")


@pytest.mark.parametrize("app", [fine, bare, broken])
async def test_every_answer_keeps_browsers_careful(app: Any) -> None:
    answer = await Around(app).get()
    assert CAREFUL.items() - answer.headers.items() <= {("cache-control", "no-store")}
    assert answer.headers["cache-control"] == ("public" if app is fine else "no-store")
    assert len(answer.headers.get_list("cache-control")) == 1


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("abcdefgh-1234.5:6", "abcdefgh-1234.5:6"),
        ("short", "req_made"),
        ("with a space in it", "req_made"),
        ("x" * 65, "req_made"),
        ("line\u00e9\u00e9\u00e9\u00e9\u00e9", "req_made"),
    ],
)
async def test_a_request_keeps_the_id_it_came_with_if_that_is_one(given: str, used: str) -> None:
    around = Around(fine)
    answer = await around.get(x_request_id=given.encode("latin-1"))  # type: ignore[arg-type]
    assert answer.headers["x-request-id"] == used
    assert around.told == [(used, "GET", "/x", 204)]


async def test_a_fault_is_answered_with_a_reference_and_nothing_else() -> None:
    around = Around(broken)
    answer = await around.get()
    assert answer.status_code == 500
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "req_made" in error["message"]
    assert "kitchen" not in answer.text
    assert around.told == [("req_made", "GET", "/x", 500)]


async def test_a_fault_after_the_answer_has_begun_is_the_servers_to_end() -> None:
    with pytest.raises(RuntimeError, match="too late"):
        await Around(torn).get()


@pytest.mark.parametrize("path", ["/health/live", "/metrics"])
async def test_what_machines_ask_every_second_is_not_told(path: str) -> None:
    around = Around(fine)
    await around.get(path)
    assert around.told == []
