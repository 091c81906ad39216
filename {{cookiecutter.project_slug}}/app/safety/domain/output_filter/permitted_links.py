"""Links and images to permitted hosts, and a parser's check that a text has no others."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from app.safety.domain.link_hosts import LinkHosts
from app.safety.domain.markup import loads_or_links, neutralise

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# Each permitted link is replaced by one private-use character while the rest of the text is examined.
_FIRST, _LAST = 0xE000, 0xE7FF
_PLACE = re.compile(f"[{chr(_FIRST)}-{chr(_LAST)}]")
_URL = r"(https://[A-Za-z0-9][A-Za-z0-9._~/%?#=&+,;:!$'*-]{1,500}+)"
_LABEL = r"((?:[^\[\]<>\\`\n]|\\[\[\]]){0,300}+)"
_TITLE = r"(?:[ ]+\"([^\"<>\[\]\\`\n]{0,200}+)\")?"
_FORMS = (
    re.compile(rf"!?\[{_LABEL}\]\({_URL}{_TITLE}\)"),
    re.compile(rf"(?m:^)[ ]{{0,3}}\[([^\[\]<>\\`\n^]{{1,100}}+)\]:[ ]+{_URL}{_TITLE}(?=[ \t]*(?:\n|\Z))"),
    re.compile(rf"<(){_URL}()>"),
    re.compile(rf"<a href=\"(){_URL}\"(?: title=\"([^\"<>&]{{0,200}}+)\")?>"),
    re.compile(rf"<img src=\"(){_URL}\"(?: alt=\"([^\"<>&]{{0,200}}+)\")? ?/?>"),
    re.compile(rf"(?:(?<=[\s*_,;:\"'“(])|\A)(?<!\]\()(?<!\]:)(){_URL}()(?![\w<\[\]\\@])"),
)
_CLOSING = re.compile(r"</a>")
_AFTER_ADDRESS = ".,;:!?*_~'"
_MARKED = re.compile(r"\]\(|\]:|\]\[|<|&|\\")


@dataclass(frozen=True)
class PermittedLinks:
    """Takes links and images to permitted hosts out of a text and puts them back. Only the plain, unambiguous forms
    count: whatever a renderer might read in another way is treated like a link to another host.
    """

    hosts: LinkHosts

    def extract(self, text: str) -> tuple[str, list[str]]:
        """The text with a sign in the place of each permitted link, and these links."""
        links: list[str] = []
        if not self.hosts.names or "https://" not in text or _PLACE.search(text):
            return text, links
        for _ in range(2):  # an image within a link
            for form in _FORMS:
                text = form.sub(lambda match: self._taken(match, links), text)
        if any(link.startswith("<a ") for link in links):
            text = _CLOSING.sub(lambda match: _place(match[0], links), text)
        return text, links

    def restore(self, text: str, links: list[str]) -> str:
        """The text with its links in their places."""
        while links and _PLACE.search(text):
            text = _PLACE.sub(lambda match: links[ord(match[0]) - _FIRST], text)
        return text

    def change_rest(self, text: str, change: Callable[[str], str]) -> str:
        """The text with `change` applied to all but its permitted links."""
        rest, links = self.extract(text)
        return self.restore(change(rest), links)

    def labels(self, text: str) -> str:
        """The text with the label of each permitted link or image in its place, and nothing for an address."""
        rest, links = self.extract(text)
        return self.restore(rest, [_label_of(link) for link in links])

    def only(self, text: str) -> bool:
        """Whether a renderer of Markdown and HTML would load or link nothing but permitted addresses in the text."""
        if not _MARKED.search(text):
            return True
        return all(self.hosts.permits(address) for address in _targets(text))

    def _taken(self, match: re.Match[str], links: list[str]) -> str:
        label, url, title = match.groups()
        stripped = url.rstrip(_AFTER_ADDRESS) if not match[0].endswith((")", ">", '"')) and not title else url
        rest = url[len(stripped) :]
        if len(links) > _LAST - _FIRST or not self.hosts.permits(stripped):
            return match[0]
        described = f"{label} {title or ''}"
        if neutralise(described) != described or loads_or_links(described):
            return match[0]
        return _place(match[0].removesuffix(rest), links) + rest


def _label_of(link: str) -> str:
    return link[link.index("[") + 1 : link.rindex("](")] if link.startswith(("[", "![")) and "](" in link else ""


def _place(link: str, links: list[str]) -> str:
    links.append(link)
    return chr(_FIRST + len(links) - 1)


@cache
def _parser() -> "MarkdownIt":
    # Imported late: commands that show no answer need no parser.
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable("table")


def _targets(text: str) -> Iterator[str]:
    """The addresses that a renderer of CommonMark with HTML would load or link."""
    for token in _parser().parse(text):
        yield from _of_token(token)
        for inner in token.children or ():
            yield from _of_token(inner)


def _of_token(token: "Token") -> Iterator[str]:
    if token.type in ("link_open", "image"):
        yield str(token.attrGet("href") or token.attrGet("src") or "")
    elif token.type in ("html_inline", "html_block"):
        reader = _Attributes()
        reader.feed(token.content)
        reader.close()
        yield from reader.targets
    for inner in token.children or () if token.type == "image" else ():
        yield from _of_token(inner)


class _Attributes(HTMLParser):
    """Collects the addresses of tags. A tag other than a link or an image counts as an address of its own."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("a", "img") and (attrs or tag not in _HARMLESS):
            self.targets.append(f"<{tag}>")
        for name, value in attrs:
            if name in ("href", "src"):
                self.targets.append(value or "")
            elif name not in ("alt", "title"):
                self.targets.append(f"{name}=")

    def handle_pi(self, data: str) -> None:
        self.targets.append("<?")


_HARMLESS = frozenset(
    (
        *("b", "i", "u", "s", "em", "strong", "p", "br", "hr", "sub", "sup", "kbd", "code", "pre", "ul", "ol", "li"),
        *("table", "thead", "tbody", "tr", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "small"),
        *("del", "ins", "mark", "q", "abbr", "dl", "dt", "dd", "span", "div", "details", "summary"),
    )
)
