"""A document as a page: read aloud, on a phone or on paper. It has no scripts, and nothing is loaded from anywhere."""

import base64
import hashlib
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .content import Content
from .sheet import sheet

# Everything that is printed is escaped: a name may hold markup, and is shown with it (PM67).
_ENVIRONMENT = Environment(
    loader=PackageLoader("saifu.documents"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGE = _ENVIRONMENT.get_template("document.html")
_STYLE = Markup(_ENVIRONMENT.get_template("document.css").render())  # noqa: S704 - a file of our own

_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content security policy of the page: its own style, and nothing else."""


def page(content: Content) -> bytes:
    """The document as an HTML page in UTF-8; the same document is the same bytes (PM67)."""
    return _PAGE.render(sheet=sheet(content), style=_STYLE).encode()
