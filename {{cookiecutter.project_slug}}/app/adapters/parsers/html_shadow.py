"""Puts in their place what browsers show of a page beside its own elements: shadow trees that it declares, with what is
slotted into them, and the pages within frames that stand in an attribute.
"""

import re
from collections.abc import Iterator
from secrets import token_hex

from selectolax.lexbor import LexborHTMLParser, LexborNode

_DECLARED = "template[shadowrootmode], iframe[srcdoc]"
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
        elif (host := node.parent) is not None and host.mem_id not in hosts:
            declared.append(node)
            hosts.add(host.mem_id)
    # From the last one, so that what stands within another is done before it is moved: a template that is moved is
    # empty afterwards.
    for node in reversed(declared):
        if node.tag == "iframe":
            _fill_frame(node, mark, depth)
        elif node.parent is not None:
            _fill_host(node.parent, node, mark, depth)


def _fill_frame(frame: LexborNode, mark: str, depth: int) -> None:
    page = LexborHTMLParser(frame.attributes.get("srcdoc") or "")
    _place(page, mark, depth - 1)
    del frame.attrs["srcdoc"]
    for child in list(_children(frame)):
        child.decompose()
    holder = LexborHTMLParser("<body><div></div></body>").css_first("div")
    if holder is None:
        return
    for style in page.css("style"):
        style.attrs[mark] = ""
    for part in (page.head, page.body):
        for child in _children(part) if part is not None else ():
            holder.insert_child(child)
    frame.insert_child(holder)


def _fill_host(host: LexborNode, template: LexborNode, mark: str, depth: int) -> None:
    """The shadow tree instead of what stands in its host, which shows in the slots only, or not at all."""
    shadow = LexborHTMLParser(f"<body>{_content(template)}</body>")
    _place(shadow, mark, depth - 1)
    for style in shadow.css("style"):
        style.attrs[mark] = ""
    template.decompose()
    own = list(_children(host))
    slotted = _fill_slots(shadow, own)
    rest = LexborHTMLParser("<body><div hidden></div></body>").css_first("div")
    for child in own:
        if child.mem_id not in slotted and rest is not None:
            rest.insert_child(child)
        child.decompose()
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
    slots = list[tuple[LexborNode, list[LexborNode]]]()
    for slot in shadow.css("slot"):
        name = slot.attributes.get("name") or ""
        slots.append((slot, [] if name in names else [each for each in own if _slot_of(each) == name]))
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
