"""Numbers of a spreadsheet as its reader sees them, by their number format (ECMA-376, part 1, 18.8.30 and 18.8.31)."""

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

BUILT_IN = {
    **{1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00"},
    **{37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)"},
    **{5: '#,##0 "$"', 6: '#,##0 "$"', 7: '#,##0.00 "$"', 8: '#,##0.00 "$"', 42: '#,##0 "$"', 44: '#,##0.00 "$"'},
    **{41: "#,##0", 43: "#,##0.00", 48: "##0.0E+0"},
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    **{18: "h:mm", 19: "h:mm:ss", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 45: "[m]:ss", 46: "[h]:mm:ss"},
    **dict.fromkeys((32, 33, 34, 35, 55, 56), "h:mm"),
    47: "[m]:ss",
}
"""The codes that files refer to by number only."""

_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|_.|\*.|\[([^\]]*)\]|(General|[0#?][0#?,.]*(?:E[+-][0#]+)?|\.[0#?]+)|(.)', re.I | re.S
)
_DATE = re.compile(r"[ymdhs]", re.IGNORECASE)
_ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|General', re.IGNORECASE | re.DOTALL)
_CURRENCY = re.compile(r"\$([^-]*)")
_MAX_SERIAL = 2_958_466
_DAY_SECONDS = 86_400


def shown_number(value: str, code: str, *, since_1904: bool = False) -> str:
    """The number in this format; as it is stored where the value is no number. since_1904: the first day is in 1904."""
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return value
    if not number.is_finite() or abs(number) >= Decimal("1e100"):
        return value
    section, absolute = _section(code, number)
    if is_date(section):
        return _date(float(number), section, since_1904=since_1904)
    return _formatted(abs(number) if absolute else number, section)


@lru_cache(512)
def hides_numbers(code: str) -> bool:
    """Whether a format such as `;;;` shows nothing."""
    return code.count(";") >= 2 and not code.replace(";", "").strip()


@lru_cache(512)
def is_date(section: str) -> bool:
    return bool(_ELAPSED.search(section) or _DATE.search(_LITERAL.sub("", section)))


def _section(code: str, number: Decimal) -> tuple[str, bool]:
    """The part of a code that applies, and whether it shows the number without its sign."""
    sections = _split(code)
    if number < 0 and len(sections) > 1:
        return sections[1], True
    if number == 0 and len(sections) > 2:
        return sections[2], False
    return sections[0], False


@lru_cache(512)
def _split(code: str) -> list[str]:
    return re.findall(r'((?:"[^"]*"|\\.|\[[^\]]*\]|[^;"\\\[])+|(?<=;)(?=;)|^(?=;)|(?<=;)$)', code, re.S) or [code]


def _formatted(number: Decimal, section: str) -> str:
    if not section or section == "@":
        return plain_number(number)
    pieces: list[str] = []
    percent = "%" in _LITERAL.sub("", section)
    done = False
    for match in _TOKEN.finditer(section):
        quoted, escaped, bracket, digits, other = match.groups()
        if digits is not None and not done:
            pieces.append(_digits(number * 100 if percent else number, digits))
            done = True
        elif digits is not None:
            return plain_number(number)  # a fraction, or digits apart: not worth a picture
        elif bracket is not None:
            currency = _CURRENCY.match(bracket)
            pieces.append(currency[1] if currency else "")
        else:
            pieces.append(quoted or escaped or (other if other and other != "@" else "") or "")
    return "".join(pieces).strip()


def _digits(number: Decimal, picture: str) -> str:
    if picture.lower() == "general":
        return plain_number(number)
    whole, _, rest = picture.partition(".")
    fraction, exponent = re.sub(r"[^0#?]", "", rest.upper().partition("E")[0]), "E" in picture.upper()
    if exponent:
        return f"{number:.{len(fraction)}E}"
    scale = len(picture.rstrip()) - len(picture.rstrip().rstrip(","))
    number = (number / 1000**scale).quantize(Decimal(1).scaleb(-min(len(fraction), 20)), ROUND_HALF_UP)
    text = f"{number:,f}" if "," in whole.rstrip(",") else f"{number:f}"
    optional = len(fraction) - len(fraction.rstrip("#?"))
    if optional and "." in text:
        kept = len(text) - optional
        text = (text[:kept] + text[kept:].rstrip("0")).rstrip(".")
    width = whole.count("0")
    sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
    before, dot, after = text.partition(".")
    return sign + (before.rjust(width, "0") if "," not in before else before) + dot + after


def plain_number(number: Decimal) -> str:
    """Without the noise of binary fractions, and without an exponent for what people write out."""
    if number == number.to_integral_value() and abs(number) < Decimal("1e21"):
        return f"{number:.0f}" if number else "0"
    text = f"{float(number):.12g}"
    if "e" in text and Decimal("1e-9") < abs(number) < Decimal("1e21"):
        text = f"{Decimal(text):f}"
    return text


def _date(serial: float, section: str, *, since_1904: bool) -> str:
    days = serial + 1462 if since_1904 else serial
    if not 0 <= days < _MAX_SERIAL:
        return plain_number(Decimal(str(serial)))
    if _ELAPSED.search(section):
        seconds = round(serial * _DAY_SECONDS)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    letters = _LITERAL.sub("", section).lower()
    has_time = "h" in letters or "s" in letters
    moment = datetime(1899, 12, 30 if days >= 60 else 31) + timedelta(seconds=round(days * _DAY_SECONDS))
    clock = f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"
    if not re.search(r"[yd]", letters) and has_time:
        return clock
    return f"{moment:%Y-%m-%d} {clock}" if has_time else f"{moment:%Y-%m-%d}"
