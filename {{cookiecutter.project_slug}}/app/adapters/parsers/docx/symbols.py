"""Characters of symbol fonts as the characters that they look like."""

_GREEK = "αβχδεφγηιϕκλμνοπθρστυϖωξψζ"
_GREEK_CAPITALS = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ"
_SYMBOL = dict(zip(range(0x61, 0x7B), _GREEK, strict=True)) | dict(zip(range(0x41, 0x5B), _GREEK_CAPITALS, strict=True))
_SYMBOL |= {0xA3: "≤", 0xA5: "∞", 0xAB: "↔", 0xAC: "←", 0xAD: "↑", 0xAE: "→", 0xAF: "↓", 0xB0: "°", 0xB1: "±"}
_SYMBOL |= {0xB3: "≥", 0xB4: "×", 0xB5: "∝", 0xB6: "∂", 0xB7: "•", 0xB8: "÷", 0xB9: "≠", 0xBA: "≡", 0xBB: "≈"}
_SYMBOL |= {0xBC: "…", 0xC6: "∅", 0xC7: "∩", 0xC8: "∪", 0xCE: "∈", 0xCF: "∉", 0xD1: "∇", 0xD5: "∏", 0xD6: "√"}
_SYMBOL |= {0xD7: "⋅", 0xDE: "⇒", 0xE5: "∑", 0xF2: "∫", 0x22: "∀", 0x24: "∃", 0xA0: "€", 0xA2: "′", 0xB2: "″"}
_WINGDINGS = {0xFE: "☒", 0xFD: "☒", 0x78: "☒", 0xA8: "☐", 0x6F: "☐", 0x71: "☐", 0xFC: "✓", 0xFB: "✗", 0x6C: "•"}
_WINGDINGS |= {0xE0: "→", 0xDF: "←", 0xE1: "↑", 0xE2: "↓", 0xE8: "→", 0xD8: "➢", 0xA7: "▪", 0x28: "☎", 0x2A: "✉"}
_PRIVATE = range(0xF000, 0xF100)


def symbol(font: str, code: str) -> str:
    """The character with a code in hexadecimal; nothing for one that only its font can draw."""
    try:
        number = int(code, 16)
    except ValueError:
        return ""
    table = _WINGDINGS if font.lower().startswith("wingdings") else _SYMBOL if font == "Symbol" else {}
    low = number - _PRIVATE.start if number in _PRIVATE else number
    if low in table:
        return table[low]
    if number in _PRIVATE:
        return chr(low) if font == "Symbol" and 0x20 <= low < 0x7F else ""
    return chr(number) if 0x20 <= number < 0xD800 or 0xF8FF < number < 0x110000 else ""
