"""The explorer over HTTP: a page that holds no secret, under a policy that lets it speak to nobody else."""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from saifu.gateway.explorer import Explorer
from tests.client import Api
from tests.conftest import ADMIN_KEY

pytestmark = pytest.mark.either_engine

WEB = Path(__file__).resolve().parents[2] / "src" / "web"
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SCRIPT = b"console.log('hello');" * 50


def directives(policy: str) -> Mapping[str, str]:
    return dict(each.strip().split(" ", 1) for each in policy.split(";"))


def beside(explorer: Explorer) -> httpx.AsyncClient:
    """A client of nothing but the explorer, as an application mounts it."""
    page = Route("/graphql", explorer.page)
    transport = httpx.ASGITransport(app=Starlette(routes=[page, *explorer.routes]))
    return httpx.AsyncClient(transport=transport, base_url="https://pay.example:8443")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Sources with a build beside them, of which one file has its compressed copy and others have none."""
    assets = tmp_path / "web" / "dist" / "assets"
    assets.mkdir(parents=True)
    (assets.parent / "index.html").write_text('<script type="module" src="/graphql/assets/a-1.js"></script>')
    (assets / "a-1.js").write_bytes(SCRIPT)
    (assets / "a-1.js.gz").write_bytes(gzip.compress(SCRIPT, 9))
    for name in ("b-2.css", "c-3.svg", "d-4.ttf"):
        (assets / name).write_text(name)
    (tmp_path / "web" / "unbuilt.html").write_text((WEB / "unbuilt.html").read_text())
    (tmp_path / "web" / "secret.js").write_text("not for anybody")
    return tmp_path / "web"


@pytest.fixture
async def built(sources: Path) -> AsyncIterator[httpx.AsyncClient]:
    explorer = Explorer.of(sources)
    assert explorer
    assert explorer.is_built
    async with beside(explorer) as http:
        yield http


@pytest.fixture
async def unbuilt() -> AsyncIterator[httpx.AsyncClient]:
    """What a fresh clone has: the real stand-in page and no build."""
    explorer = Explorer((WEB / "unbuilt.html").read_text(), "", {})
    async with beside(explorer) as http:
        yield http


async def test_a_browser_gets_a_page_and_no_secret(client: Api) -> None:
    """A44. Built or not, the page has no script of its own and may load none from elsewhere."""
    page = await client.http.get("/graphql", headers=BROWSER)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert ADMIN_KEY not in page.text
    assert not re.search(r"<script(?![^>]*\ssrc=)", page.text)
    assert not re.search(r"\son[a-z]+=", page.text)
    policy = directives(page.headers["content-security-policy"])
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy.get("script-src", "'none'") in {"'self'", "'none'"}
    machine = await client.http.get("/graphql", headers={"accept": "*/*"})
    assert machine.status_code == 401


async def test_the_page_runs_under_the_strict_policy(built: httpx.AsyncClient) -> None:
    """SERVING trap 15: no inline script, no eval, no other host, no frame."""
    page = await built.get("/graphql", headers=BROWSER)
    assert directives(page.headers["content-security-policy"]) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "worker-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a-1.js", "text/javascript; charset=utf-8"),
        ("b-2.css", "text/css; charset=utf-8"),
        ("c-3.svg", "image/svg+xml"),
        ("d-4.ttf", "font/ttf"),
    ],
)
async def test_a_file_may_be_kept_for_ever(built: httpx.AsyncClient, name: str, media_type: str) -> None:
    file = await built.get(f"/graphql/assets/{name}")
    assert file.status_code == 200
    assert file.headers["content-type"] == media_type
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert file.text == (SCRIPT.decode() if name == "a-1.js" else name)
    head = await built.head(f"/graphql/assets/{name}")
    assert head.headers["content-length"] == file.headers["content-length"]
    assert (await built.post(f"/graphql/assets/{name}")).status_code == 405


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1, GZIP ; q=0.5", True),
        ("*", True),
        ("identity", False),
        ("", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, *;q=1", False),
        ("*;q=0, gzip", True),
    ],
)
async def test_a_file_comes_as_it_was_asked_for(
    built: httpx.AsyncClient, accepted: str, packed: bool
) -> None:
    file = await built.get("/graphql/assets/a-1.js", headers={"accept-encoding": accepted})
    assert ("content-encoding" in file.headers) is packed
    assert file.headers["vary"] == "accept-encoding"
    assert (int(file.headers["content-length"]) < len(SCRIPT)) is packed
    assert file.content == SCRIPT


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "index.html",
        "a-1.js.gz",
        "A-1.JS",
        "a-1.js%00",
        "%2e%2e%2findex.html",
        "..%2f..%2fsecret.js",
        "..%5c..%5csecret.js",
        "%2e%2e/%2e%2e/secret.js",
        "%2fetc%2fpasswd",
        "//etc/passwd",
        "a-1.js/",
    ],
)
async def test_there_is_no_file_but_those_of_the_build(built: httpx.AsyncClient, name: str) -> None:
    answer = await built.get(f"/graphql/assets/{name}")
    assert answer.status_code in {307, 404}
    if answer.is_redirect:
        assert (await built.get(answer.headers["location"])).status_code in {200, 404}
    assert "not for anybody" not in answer.text


async def test_a_build_under_a_running_gateway_changes_nothing(
    built: httpx.AsyncClient, sources: Path
) -> None:
    """The page and its files belong together, whatever happens to them on the disk."""
    (sources / "dist" / "assets" / "new-9.js").write_text("new")
    (sources / "dist" / "assets" / "a-1.js.gz").unlink()
    (sources / "dist" / "assets" / "a-1.js").unlink()
    assert (await built.get("/graphql/assets/new-9.js")).status_code == 404
    assert (await built.get("/graphql/assets/a-1.js")).content == SCRIPT


async def test_where_nothing_is_built_the_page_says_how_and_what_else(unbuilt: httpx.AsyncClient) -> None:
    page = (await unbuilt.get("/graphql", headers=BROWSER)).text
    for said in ("make web", "20.19", "saifu schema print", "schema/schema.graphql", "graphql-transport-ws"):
        assert said in page
    assert "curl https://pay.example:8443/graphql " in page
    assert "{address}" not in page
    assert "<script" not in page


async def test_the_stand_in_runs_under_a_policy_without_any_script(tmp_path: Path) -> None:
    text = (WEB / "unbuilt.html").read_text()
    (tmp_path / "unbuilt.html").write_text(text)
    explorer = Explorer.of(tmp_path)
    assert explorer
    assert not explorer.is_built
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    async with beside(explorer) as http:
        policy = directives((await http.get("/graphql")).headers["content-security-policy"])
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == f"'sha256-{digest}'"
    assert "script-src" not in policy


@pytest.mark.parametrize(
    "host", ['evil.example"><img src=x>', "$(reboot)", "a b", "a'b", "x@evil.example", ""]
)
async def test_what_is_no_address_is_not_shown_as_one(unbuilt: httpx.AsyncClient, host: str) -> None:
    """The address is there to be pasted into a shell."""
    page = await unbuilt.get("/graphql", headers=BROWSER | {"host": host})
    assert "curl https://127.0.0.1/graphql " in page.text
    assert not host or host not in page.text


async def test_without_page_and_sources_there_is_no_explorer(tmp_path: Path) -> None:
    """As in an installation that holds the package alone."""
    assert Explorer.of(tmp_path) is None


def test_the_page_is_built_from_exact_versions_and_no_named_registry() -> None:
    package = json.loads((WEB / "package.json").read_text())
    wanted = package["dependencies"] | package["devDependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values()), wanted
    locked = json.loads((WEB / "package-lock.json").read_text())["packages"]
    installed = {path: each for path, each in locked.items() if path}
    assert {
        path.removeprefix("node_modules/"): each["version"] for path, each in installed.items()
    }.items() >= (wanted.items())
    assert all(each["integrity"].startswith("sha512-") for each in installed.values() if "integrity" in each)
    assert all("integrity" in each for each in installed.values() if not each.get("inBundle"))
    assert not any("resolved" in each for each in installed.values())
    assert "omit-lockfile-registry-resolved=true" in (WEB / ".npmrc").read_text()
