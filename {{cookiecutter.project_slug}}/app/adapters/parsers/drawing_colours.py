"""Colours of DrawingML as RGB from 0 to 1: written out, by name or by the theme, and changed as the file says."""

import re
from collections.abc import Callable
from colorsys import hls_to_rgb, rgb_to_hls
from typing import NamedTuple

from tinycss2.color5 import parse_color

from app.adapters.parsers.xml_parts import Element, local

Colour = tuple[float, float, float]

BLACK, WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
TOO_ALIKE = 0.12
"""The largest difference of a colour channel that nobody sees."""
_HEX = re.compile(r"[0-9A-Fa-f]{6}")
_SHARE = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)(%?)")
_SHORT = {"dk": "dark", "lt": "light", "med": "medium"}
_SHORT_NAME = re.compile(r"(dk|lt|med)(?=[A-Z])")
_SYSTEM = {"window": WHITE, "windowText": BLACK}
_FULL_TURN = 21_600_000


class Paint(NamedTuple):
    """alpha: its opacity, from 0 to 1."""

    colour: Colour
    alpha: float = 1.0

    def fades(self, ground: Colour | None) -> bool:
        """Whether nobody sees it on this ground; on one that is not known, only where it is hardly there at all."""
        if ground is None:
            return self.alpha < TOO_ALIKE
        return self.alpha * difference(self.colour, ground) < TOO_ALIKE

    def on(self, ground: Colour | None) -> Colour | None:
        """The colour that is seen where this lies on a ground."""
        if self.alpha > 1 - TOO_ALIKE / 2:
            return self.colour
        return None if ground is None else mixed(self.colour, ground, self.alpha)


Slot = Callable[[str], Colour | None]
"""Gives the colour of the theme with a name."""


def difference(some: Colour, other: Colour) -> float:
    """Of the channel in which they differ most."""
    return max(abs(a - b) for a, b in zip(some, other, strict=True))


def mixed(front: Colour, back: Colour, weight: float) -> Colour:
    """weight: of the one in front."""
    red, green, blue = (weight * a + (1 - weight) * b for a, b in zip(front, back, strict=True))
    return red, green, blue


def lightened(colour: Colour, share: float) -> Colour:
    """Lighter by this share of what is left to white; darker by a share below zero."""
    hue, light, saturation = rgb_to_hls(*colour)
    return hls_to_rgb(hue, _within(light * (1 + share) if share < 0 else light + (1 - light) * share), saturation)


def hex_colour(text: str | None) -> Colour | None:
    if not text or not _HEX.fullmatch(text):
        return None
    red, green, blue = (int(text[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def theme_slots(theme: Element) -> dict[str, Colour]:
    """The colours of a theme by their names, such as `dk1` and `accent3`."""
    scheme = theme.find(".//{*}clrScheme")
    found = {local(slot): painted(slot, lambda name: None) for slot in (scheme if scheme is not None else ())}
    return {name: paint.colour for name, paint in found.items() if paint is not None}


def painted(fill: Element, slot: Slot) -> Paint | None:
    """What a solid fill, or another element that holds a colour, paints; None when it is not known."""
    holder = next(iter(fill), None)
    colour = _written(holder, slot) if holder is not None else None
    if holder is None or colour is None:
        return None
    paint: Paint | None = Paint(colour)
    for change in holder:
        if paint is not None:
            paint = _changed(paint, local(change), share_of(change.get("val")))
    return paint


def _written(holder: Element, slot: Slot) -> Colour | None:
    """The colour before it is changed."""
    kind, name = local(holder), holder.get("val", "")
    if kind == "schemeClr":
        return slot(name)
    if kind == "sysClr":
        return hex_colour(holder.get("lastClr")) or _SYSTEM.get(name)
    if kind == "prstClr":
        return _named(name)
    if kind == "scrgbClr":
        red, green, blue = (_displayed(share_of(holder.get(channel)) or 0.0) for channel in "rgb")
        return red, green, blue
    if kind == "hslClr":
        hue = share_of(holder.get("hue")) or 0.0
        return hls_to_rgb(
            hue * 100_000 / _FULL_TURN % 1, _within(share_of(holder.get("lum"))), _within(share_of(holder.get("sat")))
        )
    return hex_colour(name)


def _named(name: str) -> Colour | None:
    """By its name in a style sheet, which DrawingML may shorten: `dkBlue`."""
    found = parse_color(_SHORT_NAME.sub(lambda match: _SHORT[match[1]], name))
    if found is None or isinstance(found, str):
        return None
    red, green, blue, _ = found.to("srgb")
    return float(red), float(green), float(blue)


def _changed(paint: Paint, change: str, share: float | None) -> Paint | None:
    """None for a change that is not known."""
    colour, alpha = paint
    if change == "gray":
        grey = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
        return Paint((grey, grey, grey), alpha)
    if change == "inv":
        return Paint((1 - colour[0], 1 - colour[1], 1 - colour[2]), alpha)
    if share is None:
        return None
    if change.startswith("alpha"):
        changed = {"alpha": share, "alphaMod": alpha * share, "alphaOff": alpha + share}.get(change)
        return None if changed is None else Paint(colour, _within(changed))
    if change in ("tint", "shade"):
        towards = 1.0 if change == "tint" else 0.0
        red, green, blue = (_displayed(share * _linear(channel) + (1 - share) * towards) for channel in colour)
        return Paint((red, green, blue), alpha)
    hue, light, saturation = rgb_to_hls(*colour)
    light = {"lum": share, "lumMod": light * share, "lumOff": light + share}.get(change, light)
    saturation = {"sat": share, "satMod": saturation * share, "satOff": saturation + share}.get(change, saturation)
    if not change.startswith(("lum", "sat")):
        return None
    return Paint(hls_to_rgb(hue, _within(light), _within(saturation)), alpha)


def share_of(written: str | None) -> float | None:
    """1 for `100000` and for `100%`; None for what is no share."""
    match = _SHARE.fullmatch(written or "")
    return None if match is None else float(match[1]) / (100 if match[2] else 100_000)


def _within(value: float | None) -> float:
    return min(1.0, max(0.0, value or 0.0))


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _displayed(light: float) -> float:
    """A channel as it is written, of the share of light."""
    light = _within(light)
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
