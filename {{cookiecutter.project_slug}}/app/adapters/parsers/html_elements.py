"""What browsers do with the elements of HTML, whatever a page's style sheets say."""

import re

from selectolax.lexbor import LexborNode

from app.adapters.parsers.css_cascade import Declaration

_BLOCK_TAGS = (
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure"
    " footer form header hr html legend li main menu nav ol p pre search section summary table tbody td tfoot th thead"
    " tr ul h1 h2 h3 h4 h5 h6 svg text foreignobject listing plaintext xmp"
)
_APART_TAGS = "button input select textarea option optgroup br rt mi mn mo ms mtext math mtd mtr"
_UNSHOWN_TAGS = (
    "head title script style noscript template iframe object embed canvas audio video datalist noframes noembed rp"
    " progress meter"
    " annotation annotation-xml defs desc metadata symbol"
)
_CONTENT_TAGS = "article main section blockquote figure details dialog"

NEVER_SHOWN = frozenset(_UNSHOWN_TAGS.split())
"""What stands in these is not rendered, or only where a browser cannot show the real thing."""
BLOCKS = frozenset(_BLOCK_TAGS.split())
APART = frozenset(_APART_TAGS.split())
"""Elements in a line whose text is a word of its own."""
FURNITURE = frozenset({"nav", "footer"})
"""Parts of a page and not of its content, unless they stand in one of `CONTENT`."""
CONTENT = frozenset(_CONTENT_TAGS.split())
_BOXES = re.compile(r"(?:block|flex|grid|table|list-item|flow-root)")
_FLEXIBLE = re.compile(r"(?:inline-)?(?:flex|grid)")


def declared_display(declarations: tuple[Declaration, ...]) -> str:
    """The last value of `display`; empty where it is not declared."""
    if not declarations:
        return ""
    return next((each.value.lower() for each in reversed(declarations) if each.name == "display"), "")


def begins_line(tag: str, display: str, outer_display: str) -> bool:
    """Whether its text stands apart from the text before it. display: as declared for the element and its parent; empty
    where nothing is.
    """
    if tag in BLOCKS:
        return True
    return bool(display and _BOXES.match(display)) or bool(outer_display and _FLEXIBLE.match(outer_display))


def is_never_shown(tag: str, node: LexborNode) -> bool:
    """A frame is shown where its page was put into it, as an element."""
    if tag not in NEVER_SHOWN:
        return False
    return tag != "iframe" or (child := node.first_child) is None or not child.is_element_node


def is_furniture(tag: str, *, in_content: bool) -> bool:
    return tag in FURNITURE and not in_content
