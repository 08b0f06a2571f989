"""The explorer: Strawberry's GraphiQL page, signed in by the key in the address's fragment.

A fragment is never sent to a server, so the key appears in no log; the page takes it out of the
address at once and keeps it for the tab's lifetime.
"""

import base64
import hashlib
import re

from strawberry.http.ides import get_graphql_ide_html

_SIGN_IN = """
      const given = new URLSearchParams(window.location.hash.slice(1)).get("key");
      if (given) {
        sessionStorage.setItem("saifu-key", given);
        history.replaceState(null, "", window.location.pathname + window.location.search);
      }
      const key = sessionStorage.getItem("saifu-key");
      const authorization = key ? { authorization: "Bearer " + key } : {};
"""
_CHANGES = (
    ("const fetchURL =", f"{_SIGN_IN}\n      const fetchURL ="),
    ("const defaultHeaders = {};", "const defaultHeaders = { ...authorization };"),
    ("        subscriptionUrl,\n", "        subscriptionUrl,\n        wsConnectionParams: authorization,\n"),
    ("Strawberry GraphiQL", "saifu"),
)
_CDN = "https://unpkg.com"
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def page() -> str:
    """The page; it holds nothing of any customer, so anybody may have it (A44)."""
    html = get_graphql_ide_html(graphql_ide="graphiql")
    for old, new in _CHANGES:
        assert old in html, f"Strawberry's page no longer has {old!r}"
        html = html.replace(old, new, 1)
    return html


def policy(html: str) -> str:
    """The content security policy under which the page runs: its own script, and the library's from one place."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in _INLINE.findall(html)
    )
    return (
        f"default-src 'none'; script-src {hashes} {_CDN}; style-src 'unsafe-inline' {_CDN}; "
        f"img-src data:; font-src data: {_CDN}; connect-src 'self'; frame-ancestors 'none'"
    )
