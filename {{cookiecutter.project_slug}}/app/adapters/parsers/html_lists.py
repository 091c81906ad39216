"""The numbers of the items of ordered lists, as browsers show them."""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborNode

from app.adapters.parsers.css_cascade import Declaration
from app.adapters.parsers.html_lines import HtmlAttributes, whole
from app.adapters.parsers.list_numbers import formatted

_TYPES = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_STYLES = {
    **{"lower-alpha": "lowerLetter", "lower-latin": "lowerLetter", "upper-alpha": "upperLetter"},
    **{"upper-latin": "upperLetter", "lower-roman": "lowerRoman", "upper-roman": "upperRoman"},
    **{"decimal-leading-zero": "decimalZero"},
}
_BULLETS = frozenset({"none", "disc", "circle", "square"})
_WORD = re.compile(r"[a-z-]+")


@dataclass
class ItemNumbers:
    """next: of the item to come. kind: as `list_numbers` names it; empty where items have no number."""

    next: int = 1
    step: int = 1
    kind: str = "decimal"

    def marker(self, value: str | None) -> str:
        """What stands before the item. value: the number that it names for itself, if any."""
        number = whole(value, self.next)
        self.next = number + self.step
        return f"{formatted(number, self.kind)}. " if self.kind else "- "


def item_numbers(
    tag: str, node: LexborNode, attributes: HtmlAttributes, declarations: tuple[Declaration, ...]
) -> ItemNumbers | None:
    """Of an ordered list; None for any other element."""
    if tag != "ol":
        return None
    kind = _kind(attributes, declarations)
    if "reversed" not in attributes:
        return ItemNumbers(whole(attributes.get("start"), 1), 1, kind)
    items = sum(child.tag == "li" for child in node.iter())
    return ItemNumbers(whole(attributes.get("start"), items), -1, kind)


def _kind(attributes: HtmlAttributes, declarations: tuple[Declaration, ...]) -> str:
    kind = _TYPES.get(attributes.get("type") or "", "decimal")
    for each in declarations:
        if each.name in ("list-style", "list-style-type"):
            words = _WORD.findall(each.value.lower())
            kind = next(
                (_STYLES[word] for word in words if word in _STYLES), "" if _BULLETS & set(words) else "decimal"
            )
    return kind
