"""The declarations of a page's style sheets that apply to each of its elements, on a screen and without interaction."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import tinycss2
from selectolax.lexbor import LexborHTMLParser, LexborNode
from tinycss2.ast import AtRule, Node, QualifiedRule

_MAX_CHARACTERS = 200_000
_MAX_SHEETS = 20
_MAX_NESTING = 5
_LATER = re.compile(
    r":(?:hover|focus|active|visited|target|checked|before|after|first-line|first-letter|placeholder|selection|marker"
    r"|open|modal|popover|invalid|valid|disabled|fullscreen|-)|::",
    re.IGNORECASE,
)
_ID, _CLASS, _TYPE = (
    re.compile(r"#[\w-]+"),
    re.compile(r"\.[\w-]+|\[[^\]]*\]|:(?!:)[\w-]+"),
    re.compile(r"(?<![\w.#:-])\w+"),
)
_SCREEN = re.compile(
    r"\s*(?:(?:only\s+)?(?:screen|all)|)(?:\s*(?:and\s*)?\(\s*min-width\s*:[^)]*\))?\s*", re.IGNORECASE
)
_GROUPS = frozenset({"supports", "layer", "container", "scope"})


class Declaration(NamedTuple):
    name: str
    value: str
    important: bool


class _Rule(NamedTuple):
    selector: str
    declarations: tuple[Declaration, ...]


Applied = dict[int, tuple[Declaration, ...]]
"""By the `mem_id` of a node, in rising order of precedence; important ones are marked."""


@lru_cache(4096)
def inline_declarations(style: str) -> tuple[Declaration, ...]:
    return _declarations(tinycss2.parse_blocks_contents(style[:10_000]))


def applied_declarations(tree: LexborHTMLParser, scoped: str = "") -> Applied:
    """scoped: an attribute of style sheets that count within their parent only."""
    by_node: dict[int, list[tuple[tuple[int, int, int], int, _Rule]]] = defaultdict(list)
    shown = [style for style in tree.css("style") if _on_screen(style.attributes.get("media") or "")]
    for scope, sheets in _sheets(tree, shown, scoped):
        for place, rule in enumerate(_sheet(sheets)):
            for selector in _selectors(rule.selector):
                try:
                    nodes = _selected(selector, scope)
                except Exception:  # noqa: S112  an unknown selector matches nothing
                    continue
                for node in nodes:
                    by_node[node.mem_id].append((_specificity(selector), place, rule))
    return {
        node: tuple(declaration for _, _, rule in sorted(rules) for declaration in rule.declarations)
        for node, rules in by_node.items()
    }


@lru_cache(8)
def _sheet(text: str) -> tuple[_Rule, ...]:
    """The rules of a style sheet, which the pages of a book have in common."""
    return tuple(_rules(tinycss2.parse_stylesheet(text, True, True)))


def _sheets(
    tree: LexborHTMLParser, styles: Sequence[LexborNode], scoped: str
) -> Iterator[tuple[LexborHTMLParser | LexborNode, str]]:
    """Where the sheets count, with their text: those of the page as one."""
    own = [style for style in styles if not scoped or scoped not in style.attributes]
    yield tree, "\n".join(style.text() for style in own[:_MAX_SHEETS])[:_MAX_CHARACTERS]
    left, known = _MAX_CHARACTERS, set[str]()  # of sheets that differ: each element of a kind has the same one
    for style in styles if scoped else ():
        if scoped not in style.attributes or style.parent is None:
            continue
        text = style.text()[:_MAX_CHARACTERS]
        if text not in known:
            left -= len(text)
            known.add(text)
        if left < 0:
            return
        yield style.parent, text


def _selected(selector: str, scope: LexborHTMLParser | LexborNode) -> list[LexborNode]:
    """Also the element itself within which a sheet counts; in a frame that is the page. Errors: where it is unknown."""
    if isinstance(scope, LexborNode) and selector == _itself(scope):
        return [scope]
    return scope.css(selector)


def _itself(scope: LexborNode) -> str:
    return "html" if scope.parent is not None and scope.parent.tag == "iframe" else ":host"


def _rules(nodes: Sequence[Node], depth: int = 0) -> Iterator[_Rule]:
    for node in nodes:
        if isinstance(node, QualifiedRule):
            declarations = _declarations(tinycss2.parse_blocks_contents(node.content))
            if declarations:
                yield _Rule(tinycss2.serialize(node.prelude).strip(), declarations)
        elif isinstance(node, AtRule) and node.content is not None and depth < _MAX_NESTING and _applies(node):
            yield from _rules(tinycss2.parse_rule_list(node.content, True, True), depth + 1)


def _applies(rule: AtRule) -> bool:
    if rule.lower_at_keyword != "media":
        return rule.lower_at_keyword in _GROUPS
    return _on_screen(tinycss2.serialize(rule.prelude))


def _on_screen(media: str) -> bool:
    return any(_SCREEN.fullmatch(query) for query in media.split(","))


def _declarations(nodes: Sequence[Node]) -> tuple[Declaration, ...]:
    return tuple(
        Declaration(
            node.name if node.name.startswith("--") else node.lower_name,
            tinycss2.serialize(node.value).strip(),
            bool(node.important),
        )
        for node in nodes
        if node.type == "declaration"
    )


def _selectors(prelude: str) -> Iterator[str]:
    """The selectors of a list, without those that depend on what a reader does."""
    for selector in re.split(r",(?![^()\[\]]*[)\]])", prelude)[:100]:
        one = selector.strip().replace(":root", "html")
        if one and not _LATER.search(one):
            yield one


def _specificity(selector: str) -> tuple[int, int, int]:
    return len(_ID.findall(selector)), len(_CLASS.findall(selector)), len(_TYPE.findall(selector))
