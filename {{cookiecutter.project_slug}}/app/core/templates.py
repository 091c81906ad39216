"""Jinja2 templates of a package. Every value is escaped unless it is Markup."""

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup


@lru_cache
def template_environment(package: str) -> Environment:
    """The templates in the folder `templates` of a package, such as 'app.governance'. They may extend page.html, the
    frame of every page, which takes `style`, a StyleSheet.

    Escaping is on for .html and for a template made from a string. A name that was not passed is an error.
    """
    return Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("app.core", "pages")]),
        autoescape=select_autoescape(default_for_string=True, default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@dataclass(frozen=True, slots=True)
class StyleSheet:
    """A style sheet that a page holds in itself, and nothing else: no script, no font, no other host."""

    content: Markup

    @property
    def policy(self) -> str:
        """The Content-Security-Policy that allows this style sheet, by its hash, and nothing else."""
        digest = base64.b64encode(hashlib.sha256(self.content.encode()).digest()).decode()
        return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"

    @property
    def headers(self) -> dict[str, str]:
        """For a reply with the page. A page cannot itself forbid to be framed."""
        policy = f"{self.policy}; frame-ancestors 'none'"
        return {"content-security-policy": policy, "x-content-type-options": "nosniff"}


def style_sheet(package: str, name: str) -> StyleSheet:
    """A file of the folder `templates` of a package."""
    text = files(package).joinpath("templates", name).read_text("utf-8")
    return StyleSheet(Markup(text))  # noqa: S704 - a file of this package
