"""The explorer: a built page and its files, or, where nothing was built, a page that says how.

The page holds nothing of any customer, so anybody may have it (A44). It asks for a credential itself: it runs under a
policy that lets it speak to this gateway alone.
"""

import asyncio
import base64
import gzip
import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

PATH = "/graphql"
ASSETS = f"{PATH}/assets/"
# The editor writes its styles as it goes; nothing else may come from within the page. 'self' in `connect-src`
# is the gateway over HTTP and, as the standard has it since its third level, over websocket.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PLAIN_POLICY = (
    "default-src 'none'; style-src {style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A name carries the hash of what is in the file, so there is never a newer one of that name.
_FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
}
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page, as it was when the gateway started.

    Attributes:
        packed: its content in gzip; nobody but a few tools wants it in any other form.
    """

    packed: bytes
    media_type: str

    async def answer(self, request: Request) -> Response:
        headers = {"cache-control": _FOR_EVER, "vary": "accept-encoding", "content-security-policy": POLICY}
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            headers["content-encoding"] = "gzip"
            return Response(self.packed, 200, headers, self.media_type)
        content = await asyncio.to_thread(gzip.decompress, self.packed)
        return Response(content, 200, headers, self.media_type)


@dataclass(frozen=True, slots=True)
class Explorer:
    """The page for a browser that opens the endpoint, and the files it asks for.

    Everything is read when it is made, so a build under a running gateway changes nothing, and no request is ever
    turned into the name of a file.

    Attributes:
        html: the page; where nothing was built, one with `{address}` wherever the endpoint's address belongs.
        policy: the content security policy that it runs under.
        assets: by name, below `/graphql/assets/`; none where nothing was built.
    """

    html: str
    policy: str
    assets: Mapping[str, Asset]

    @classmethod
    def of(cls, folder: Path) -> Self | None:
        """From the folder of its sources: `dist` is the build, `unbuilt.html` stands in for it; None without both."""
        built, stand_in = folder / "dist" / "index.html", folder / "unbuilt.html"
        if built.is_file():
            return cls(built.read_text("utf-8"), POLICY, _assets(built.parent / "assets"))
        if stand_in.is_file():
            text = stand_in.read_text("utf-8")
            return cls(text, _PLAIN_POLICY.format(style=_hashes(text)), {})
        return None

    @property
    def is_built(self) -> bool:
        return bool(self.assets)

    @property
    def routes(self) -> list[Route]:
        """For the application: the files, each under its name and nothing else."""
        return [Route(ASSETS + "{name}", self._asset)]

    def page(self, request: Request) -> Response:
        """For a browser that opens the endpoint; never kept, since its links change with the next build."""
        text = self.html if self.is_built else self.html.replace("{address}", html.escape(_address(request)))
        headers = {"content-security-policy": self.policy, "cache-control": "no-store"}
        return Response(text, 200, headers, "text/html; charset=utf-8")

    async def _asset(self, request: Request) -> Response:
        asset = self.assets.get(request.path_params["name"])
        return await asset.answer(request) if asset else PlainTextResponse("There is no such file.\n", 404)


def _assets(folder: Path) -> dict[str, Asset]:
    """The files of a build, of which each may have a compressed copy beside it."""
    names = {path.name.removesuffix(".gz") for path in folder.iterdir() if path.is_file()}
    return {name: Asset(_packed(folder / name), _TYPES[Path(name).suffix]) for name in sorted(names)}


def _packed(path: Path) -> bytes:
    beside = path.with_name(f"{path.name}.gz")
    return beside.read_bytes() if beside.is_file() else gzip.compress(path.read_bytes())


def _hashes(text: str) -> str:
    """Of the styles in a page, as a policy names them."""
    digests = (hashlib.sha256(style.encode()).digest() for style in _STYLE.findall(text))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"


def _takes_gzip(accepted: str) -> bool:
    """Of an `Accept-Encoding`: whether gzip, or else anything, is named in it with a quality above zero."""
    codings = (each.partition(";q=") for each in accepted.lower().replace(" ", "").split(","))
    qualities = {coding: quality for coding, _, quality in codings}
    quality = qualities.get("gzip", qualities.get("*", "0"))
    return quality == "" or quality.strip("0.") != ""


def _address(request: Request) -> str:
    """Where the browser found the endpoint, if what it says can be an address."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host if _HOST.fullmatch(host) else '127.0.0.1'}{request.url.path}"
