"""The files of the checkout page: templates, styles and script. Read once, when the gateway starts."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

PATH = "/checkout/assets/"
FILES = {"css": ("checkout.css", "text/css"), "js": ("checkout.js", "text/javascript")}
_HASH_LETTERS = 12
# A name carries the hash of what is in the file, so there is never a newer one of that name.
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, under a name that changes with its content; `integrity` is what the page expects of it (S24)."""

    name: str
    content: bytes
    media_type: str

    @classmethod
    def of(cls, path: Path, media_type: str) -> Self:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:_HASH_LETTERS]
        return cls(f"{path.stem}-{digest}{path.suffix}", content, media_type)

    @property
    def url(self) -> str:
        return PATH + self.name

    @property
    def integrity(self) -> str:
        return "sha384-" + base64.b64encode(hashlib.sha384(self.content).digest()).decode()

    def answer(self) -> Response:
        return Response(self.content, 200, {"cache-control": _FOR_EVER}, self.media_type)


@dataclass(frozen=True, slots=True)
class Assets:
    """What the page is made of."""

    files: Mapping[str, Asset]
    templates: Environment

    @classmethod
    def of(cls, folder: Path) -> Self:
        """From the folder of its sources; every template is compiled here, so that a mistake shows at the start."""
        files = {key: Asset.of(folder / name, media_type) for key, (name, media_type) in FILES.items()}
        templates = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        for name in templates.list_templates(extensions=["html"]):
            templates.get_template(name)
        return cls(files, templates)

    def named(self, name: str) -> Asset | None:
        return next((asset for asset in self.files.values() if asset.name == name), None)

    def page(self, template: str, **values: Any) -> str:
        return self.templates.get_template(template).render(assets=self.files, **values)
