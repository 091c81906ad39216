"""Numbers of a spreadsheet as its reader sees them, by their number format (ECMA-376, part 1, 18.8.30 and 18.8.31)."""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from operator import eq, ge, gt, le, lt, ne

from app.adapters.parsers.number_dates import is_date, shown_date, without_literals

BUILT_IN = {
    **{1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??"},
    **{37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)"},
    **{5: '#,##0 "$"', 6: '#,##0 "$"', 7: '#,##0.00 "$"', 8: '#,##0.00 "$"', 42: '#,##0 "$"', 44: '#,##0.00 "$"'},
    **{41: "#,##0", 43: "#,##0.00", 48: "##0.0E+0"},
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    **{18: "h:mm", 19: "h:mm:ss", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm", 45: "[m]:ss", 46: "[h]:mm:ss"},
    **dict.fromkeys((32, 33, 34, 35, 55, 56), "h:mm"),
    47: "[m]:ss",
}
"""The codes that files refer to by number only."""

_MAX_CODE = 255
"""Characters; a program refuses longer ones."""
_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|_.|\*.|\[([^\]]*)\]|(General|[0#?][0#?,.]*(?:E[+-][0#]+)?|\.[0#?]+)|(.)', re.I | re.S
)
_FRACTION = re.compile(r"([0#?]+)\s*/\s*([0#?]+|[1-9]\d{0,4})")
_CURRENCY = re.compile(r"\$([^-]*)")
_CONDITION = re.compile(r"\[(<=|>=|<>|<|>|=)(-?\d{1,15}(?:\.\d{1,15})?)\]")
_COMPARE = {"<": lt, "<=": le, ">": gt, ">=": ge, "=": eq, "<>": ne}
_MAX_DENOMINATOR_DIGITS = 5
_MAX_PLACES = 20
_LEAST = Decimal("1e-307")
"""What a spreadsheet tells from zero."""
_EXACT = Context(prec=150, rounding=ROUND_HALF_UP)


def shown_number(value: str, code: str, *, since_1904: bool = False) -> str:
    """The number in this format; as it is stored where the value is no number. since_1904: the first day is in 1904."""
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return value
    if not number.is_finite() or abs(number) >= Decimal("1e100"):
        return value
    if abs(number) < _LEAST:
        number = Decimal(0)
    section, absolute = _section(code if len(code) <= _MAX_CODE else "", number)
    if section is None:
        return plain_number(number)
    if is_date(section):
        return shown_date(float(number), section, since_1904=since_1904) or plain_number(number)
    return _formatted(abs(number) if absolute else number, section)


def shown_text(value: str, code: str) -> str:
    """A text with what its format puts around it, such as `"Room "@`."""
    section = (_split(code)[3:] or _split(code)[-1:])[0] if "@" in code and len(code) <= _MAX_CODE else "@"
    if section == "@" or "@" not in without_literals(section):
        return value
    pieces = (match.groups() for match in _TOKEN.finditer(section))
    return "".join(
        value if other == "@" else quoted or escaped or other or "" for quoted, escaped, _, _, other in pieces
    )


@lru_cache(512)
def hides_numbers(code: str) -> bool:
    """Whether a format such as `;;;` shows nothing."""
    return code.count(";") >= 2 and not code.replace(";", "").strip()


def _section(code: str, number: Decimal) -> tuple[str | None, bool]:
    """The part of a code that applies, and whether it shows the number without its sign; None where none applies."""
    sections = _split(code)
    conditions = [_CONDITION.search(each) for each in sections[:2]]
    if any(conditions):
        return _by_condition(sections, conditions, number)
    if number < 0 and len(sections) > 1:
        return sections[1], True
    if number == 0 and len(sections) > 2:
        return sections[2], False
    return sections[0], False


def _by_condition(
    sections: Sequence[str], conditions: Sequence[re.Match[str] | None], number: Decimal
) -> tuple[str | None, bool]:
    for section, condition in zip(sections, conditions, strict=False):
        if condition is None:
            if section is not sections[-1] and number < 0 and section is sections[1]:
                return section, True
            continue
        if _COMPARE[condition[1]](number, Decimal(condition[2])):
            return section, condition[1] in ("<", "<=") and Decimal(condition[2]) <= 0
    last = sections[2] if len(sections) > 2 else sections[-1]
    return (None, False) if _CONDITION.search(last) else (last, False)


@lru_cache(512)
def _split(code: str) -> list[str]:
    return re.findall(r'((?:"[^"]*"|\\.|\[[^\]]*\]|[^;"\\\[])+|(?<=;)(?=;)|^(?=;)|(?<=;)$)', code, re.S) or [code]


def _formatted(number: Decimal, section: str) -> str:
    if not section or section == "@":
        return plain_number(number)
    signs = without_literals(section)
    number = number * 100 if "%" in signs else number
    pictures = [match[4] for match in _TOKEN.finditer(section) if match[4]]
    if _FRACTION.search(signs):
        return _fraction(number, section)
    if len(pictures) < 2 or "E" in signs.upper():
        texts = [_digits(number, each) if not place else "" for place, each in enumerate(pictures)]
    else:
        texts = _digits_apart(number, pictures)
    following = iter(texts)
    pieces = [next(following) if match[4] else _literal(match) for match in _TOKEN.finditer(section)]
    if number == 0 and pictures and not any("0" in each or each.lower() == "general" for each in pictures):
        # Only optional digits: a zero shows what stands beside them, such as the dash of an account.
        beside = "".join(_literal(match) for match in _TOKEN.finditer(section) if not match[4]).strip()
        return beside or "0"
    sign = "-" if number < 0 and len(pictures) > 1 and not any("-" in text for text in pieces[:1]) else ""
    return sign + "".join(pieces).strip()


def _literal(match: re.Match[str]) -> str:
    quoted, escaped, bracket, _, other = match.groups()
    if bracket is not None:
        currency = _CURRENCY.match(bracket)
        return currency[1] if currency else ""
    return quoted or escaped or (other if other and other != "@" else "") or ""


def _digits_apart(number: Decimal, pictures: Sequence[str]) -> list[str]:
    """The digits of one number in pictures that other signs part, such as `000-00-0000`, filled from the right."""
    point = next((place for place, each in enumerate(pictures) if "." in each), len(pictures) - 1)
    whole, dot, fraction = pictures[point].partition(".")
    fraction += "".join(pictures[point + 1 :]) if dot else ""
    text = _digits(abs(number), f"0.{fraction}" if fraction else "0")
    digits, _, after = text.partition(".")
    filled: list[str] = []
    for place in range(point, -1, -1):
        picture = (whole if place == point else pictures[place]).replace(",", "")
        taken = digits if place == 0 else digits[len(digits) - len(picture) :] if len(picture) < len(digits) else digits
        digits = digits[: len(digits) - len(taken)]
        filled.append(taken.rjust(picture.count("0"), "0"))
    filled.reverse()
    filled[point] += f".{after}" if after else ""
    return filled + [""] * (len(pictures) - point - 1)


def _fraction(number: Decimal, section: str) -> str:
    """As `1 1/4`; a whole number alone, and without a place for it as `5/4`."""
    found = _FRACTION.search(section)
    if found is None:
        return plain_number(number)
    exact, sign = Fraction(abs(number)), "-" if number < 0 else ""
    written = any(match[4] for match in _TOKEN.finditer(section[: found.start()]))
    whole = int(exact) if written else 0
    if found[2][0] in "0#?":
        part = (exact - whole).limit_denominator(10 ** min(len(found[2]), _MAX_DENOMINATOR_DIGITS) - 1)
        top, bottom = part.numerator, part.denominator
    else:
        bottom = int(found[2])
        top = round((exact - whole) * bottom)
    if written and top == bottom:
        whole, top = whole + 1, 0
    shown = f"{top}/{bottom}" if top or not written else ""
    return sign + " ".join(filter(None, (str(whole) if whole or not shown else "", shown)))


def _digits(number: Decimal, picture: str) -> str:
    if picture.lower() == "general":
        return plain_number(number)
    whole, _, rest = picture.partition(".")
    fraction, exponent = re.sub(r"[^0#?]", "", rest.upper().partition("E")[0]), "E" in picture.upper()
    if exponent:
        return _scientific(number, whole, len(fraction), picture.upper().rpartition("E")[2][1:])
    scale = len(picture.rstrip()) - len(picture.rstrip().rstrip(","))
    number = (number / 1000**scale).quantize(Decimal(1).scaleb(-min(len(fraction), _MAX_PLACES)), context=_EXACT)
    text = f"{number:,f}" if "," in whole.rstrip(",") else f"{number:f}"
    optional = len(fraction) - len(fraction.rstrip("#?"))
    if optional and "." in text:
        kept = len(text) - optional
        text = (text[:kept] + text[kept:].rstrip("0")).rstrip(".")
    width = whole.count("0")
    sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
    before, dot, after = text.partition(".")
    return sign + (before.rjust(width, "0") if "," not in before else before) + dot + after


def _scientific(number: Decimal, whole: str, places: int, exponent: str) -> str:
    """Of several digits before the point, the exponent is a multiple of their number."""
    step = max(1, sum(whole.count(sign) for sign in "0#?"))
    power = int(f"{number:.{places}E}".partition("E")[2]) if number else 0
    power -= power % step
    mantissa = number.scaleb(-power).quantize(Decimal(1).scaleb(-min(places, _MAX_PLACES)), context=_EXACT)
    return f"{mantissa:f}E{'-' if power < 0 else '+'}{str(abs(power)).rjust(len(exponent), '0')}"


def plain_number(number: Decimal) -> str:
    """Without the noise of binary fractions, and without an exponent for what people write out."""
    if number == number.to_integral_value() and abs(number) < Decimal("1e21"):
        return f"{number:.0f}" if number else "0"
    text = f"{float(number):.12g}"
    if "e" in text and Decimal("1e-9") < abs(number) < Decimal("1e21"):
        text = f"{Decimal(text):f}"
    return text
