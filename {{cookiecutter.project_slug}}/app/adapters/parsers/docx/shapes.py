"""Drawings of a DOCX: which of them a reader sees, and the colour behind the text in a box."""

import re
from typing import Any, Literal

from app.adapters.parsers.docx.colours import Theme
from app.adapters.parsers.docx.names import tag, whole
from app.adapters.parsers.drawing_colours import WHITE, Colour

_POINT = 12_700
_FAR_OUTSIDE = 1_800_000
_HIDDEN_STYLE = re.compile(r"visibility\s*:\s*hidden")
_NO_SIZE = re.compile(r"(?<![\w-])(?:width|height)\s*:\s*0(?:\.0+)?(?:pt|in|cm|mm|px)?\s*(?:;|$)")
_GROWS = re.compile(r"mso-fit-shape-to-text\s*:\s*t")
_PAINTED = frozenset({"gradFill", "blipFill", "pattFill", "grpFill"})
_VML_HEX = re.compile(r"#([0-9A-Fa-f]{6}|[0-9A-Fa-f]{3})\b")


def is_unseen(drawing: Any) -> bool:
    """Whether a drawing, or a shape in VML, is hidden, has no size or lies outside of the page.

    A box that grows with its text has a size, whatever the file says.
    """
    if drawing.tag.startswith(tag("v:")):
        style = drawing.get("style", "")
        return bool(_HIDDEN_STYLE.search(style) or (_NO_SIZE.search(style) and not _grows(drawing)))
    properties = drawing.find(tag("wp:docPr"))
    if properties is not None and properties.get("hidden") in ("1", "true"):
        return True
    extent = drawing.find(tag("wp:extent"))
    if extent is None:
        return False
    sides = [whole(extent.get(side), _POINT) for side in ("cx", "cy")]
    return (min(sides) < _POINT and not _grows(drawing)) or any(
        whole(offset.text, 0) + side < -_FAR_OUTSIDE
        for name, side in zip(("wp:positionH", "wp:positionV"), sides, strict=True)
        for offset in drawing.iterfind(f"{tag(name)}/{tag('wp:posOffset')}")
    )


def _grows(drawing: Any) -> bool:
    return any(
        box.tag == tag("a:spAutoFit") or _GROWS.search(box.get("style", ""))
        for box in drawing.iter(tag("a:spAutoFit"), tag("v:textbox"))
    )


def fill_behind(box: Any, theme: Theme) -> Colour | Literal[False] | None:
    """The colour of the shape around the text of a box; None when it is not known; False when it has none."""
    for parent in box.iterancestors():
        if parent.tag.endswith("}wsp"):
            return _fill(parent, theme)
        if parent.tag.startswith(tag("v:")) and not parent.tag.endswith("}textbox"):
            return _vml_fill(parent, theme)
    return False


def _fill(shape: Any, theme: Theme) -> Colour | Literal[False] | None:
    for each in shape.iterfind("{*}spPr/*"):
        local = each.tag.rpartition("}")[2]
        if local == "solidFill":
            return theme.drawn(each)
        if local in _PAINTED:
            return None
        if local == "noFill":
            return _through(shape)
    reference = shape.find(f"{{*}}style/{tag('a:fillRef')}")
    if reference is None or reference.get("idx") == "0":
        return _through(shape)
    return theme.drawn(reference)


def _vml_fill(shape: Any, theme: Theme) -> Colour | Literal[False] | None:
    if shape.get("filled", "t").lower() in ("f", "false"):
        return _through(shape)
    fill = shape.find(tag("v:fill"))
    if fill is not None and fill.get("type", "solid") != "solid":
        return None
    written = shape.get("fillcolor")
    if written is None:
        return WHITE
    if found := _VML_HEX.match(written):
        digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
        return int(digits[:2], 16) / 255, int(digits[2:4], 16) / 255, int(digits[4:], 16) / 255
    return theme.named(written.partition(" ")[0])


def _through(shape: Any) -> Literal[False] | None:
    """Without a fill the page is behind, unless a picture or another shape may be there, which nobody knows."""
    root = shape.getroottree().getroot()
    behind = any(anchor.get("behindDoc") in ("1", "true") for anchor in root.iter(tag("wp:anchor")))
    grouped = any(parent.tag.rpartition("}")[2] in ("wgp", "grpSp", "wpc", "group") for parent in shape.iterancestors())
    return None if behind or grouped else False
