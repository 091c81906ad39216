"""Puts in their place what browsers show of a page beside its own elements: shadow trees that it declares, with what is
slotted into them, and the pages within frames that stand in an attribute.
"""

import re
from collections.abc import Iterator
from secrets import token_hex

from selectolax.lexbor import LexborHTMLParser, LexborNode

_DECLARED = "template[shadowrootmode], iframe[srcdoc]"
_MODES = frozenset({"open", "closed"})
_HOST_TAGS = "article aside blockquote body div footer h1 h2 h3 h4 h5 h6 header main nav p section span"
_HOSTS = frozenset(_HOST_TAGS.split())
"""The elements of HTML that may have a shadow tree; so may those with a name of a page's own, which has a hyphen."""
_START_TAG = re.compile(r"<template(?:[^>\"]|\"[^\"]*\")*>", re.IGNORECASE)
_MAX_DEPTH = 8
_MAX_TREES = 5_000


def with_shadow_trees(tree: LexborHTMLParser) -> str:
    """Change the tree; returns the attribute that marks the style sheets which count for their parent only."""
    mark = f"data-{token_hex(8)}"
    _place(tree, mark, _MAX_DEPTH)
    return mark


def _place(tree: LexborHTMLParser, mark: str, depth: int) -> None:
    declared, hosts = list[LexborNode](), set[int]()
    for node in tree.css(_DECLARED)[:_MAX_TREES] if depth else ():
        if node.tag == "iframe":
            declared.append(node)
        elif (host := node.parent) is not None and host.mem_id not in hosts and _is_shadow_tree(node, host.tag or ""):
            declared.append(node)
            hosts.add(host.mem_id)
    # From the last one, so that what stands within another is done before it is moved: a template that is moved is
    # empty afterwards.
    for node in reversed(declared):
        if node.tag == "iframe":
            _fill_frame(node, mark, depth)
        elif node.parent is not None:
            _fill_host(node.parent, node, mark, depth)


def _is_shadow_tree(template: LexborNode, host: str) -> bool:
    """Elsewhere it is a template like others, which shows nothing."""
    mode = (template.attributes.get("shadowrootmode") or "").lower()
    return mode in _MODES and (host in _HOSTS or "-" in host)


def _fill_frame(frame: LexborNode, mark: str, depth: int) -> None:
    page = LexborHTMLParser(frame.attributes.get("srcdoc") or "")
    _place(page, mark, depth - 1)
    del frame.attrs["srcdoc"]
    for child in list(_children(frame)):
        child.decompose()
    holder = LexborHTMLParser("<body><div></div></body>").css_first("div")
    if holder is None:
        return
    _move_sheets(page, mark, holder)
    if page.body is not None:
        holder.insert_child(page.body)  # which may be hidden itself
    frame.insert_child(holder)


def _move_sheets(part: LexborHTMLParser, mark: str, holder: LexborNode) -> None:
    """Directly below the element for all of which they count. Those of trees within are in their places already."""
    for style in part.css("style"):
        if mark not in style.attributes:
            style.attrs[mark] = ""
            holder.insert_child(style)
            style.decompose()


def _fill_host(host: LexborNode, template: LexborNode, mark: str, depth: int) -> None:
    """The shadow tree instead of what stands in its host, which shows in the slots only, or not at all."""
    shadow = LexborHTMLParser(f"<body>{_content(template)}</body>")
    _place(shadow, mark, depth - 1)
    template.decompose()
    own = list(_children(host))
    slotted = _fill_slots(shadow, own)
    rest = LexborHTMLParser("<body><div hidden></div></body>").css_first("div")
    for child in own:
        if child.mem_id not in slotted and rest is not None:
            rest.insert_child(child)
        child.decompose()
    _move_sheets(shadow, mark, host)
    for child in _children(shadow.body) if shadow.body is not None else ():
        host.insert_child(child)
    if rest is not None and rest.text().strip():
        host.insert_child(rest)


def _content(template: LexborNode) -> str:
    """As it is written out: the content of a template is no child of it."""
    written = template.html or ""
    start = _START_TAG.match(written)
    return written[start.end() : written.rfind("</template")] if start else ""


def _fill_slots(shadow: LexborHTMLParser, own: list[LexborNode]) -> set[int]:
    """Returns which of the host's own nodes are in a slot, the first one of their name."""
    filled, names = set[int](), set[str]()
    slots, named = list[tuple[LexborNode, list[LexborNode]]](), dict[str | None, list[LexborNode]]()
    for each in own:
        named.setdefault(_slot_of(each), []).append(each)
    for slot in shadow.css("slot"):
        name = slot.attributes.get("name") or ""
        slots.append((slot, [] if name in names else named.get(name, [])))
        names.add(name)
    # From the last one: a slot may stand in the default of another, and goes with it.
    for slot, assigned in reversed(slots):
        filled.update(each.mem_id for each in assigned)
        for node in assigned or list(_children(slot)):
            slot.insert_before(node)
        slot.decompose()
    return filled


def _slot_of(node: LexborNode) -> str | None:
    if node.is_element_node:
        return node.attributes.get("slot") or ""
    return "" if node.is_text_node and (node.text_content or "").strip() else None


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        following = child.next
        yield child
        child = following
