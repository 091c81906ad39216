"""The numbers, quantities, dates and times of day in a text, in one notation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, pairwise

from app.core.languages.stop_words import ENGLISH
from app.inference.domain.grounding.agreement.plain_words import CACHED_TEXTS, listed

SECONDS, MONTHS = "time", "months"
_SIZES: dict[str, dict[str, float]] = {
    SECONDS: {"ms|millisecond": 1e-3, "s|sec|second": 1, "min|minute": 60, "h|hr|hour": 3600}
    | {"day": 86_400, "week": 604_800, "fortnight": 1_209_600},
    MONTHS: {"month": 1, "year": 12, "decade": 120},
    "length": {"mm|millimetre|millimeter": 1e-3, "cm|centimetre|centimeter": 0.01, "m|metre|meter": 1}
    | {"km|kilometre|kilometer": 1e3, "inch": 0.0254, "foot|feet": 0.3048, "mile": 1609.344},
    "mass": {"µg|mcg|microgram": 1e-6, "mg|milligram": 1e-3, "g|gram": 1, "kg|kilogram|kilo": 1e3}
    | {"t|tonne": 1e6, "lb": 453.59237},
    "volume": {"ml|millilitre|milliliter": 1e-3, "cl|centilitre": 0.01, "l|litre|liter": 1},
    "data": {"kB|KB|kilobyte": 1e3, "MB|megabyte": 1e6, "GB|gigabyte": 1e9, "TB|terabyte": 1e12},
    "energy": {"Wh|watt-hour": 1, "kWh|kilowatt-hour": 1e3, "MWh|megawatt-hour": 1e6},
    "power": {"W|watt": 1, "kW|kilowatt": 1e3, "MW|megawatt": 1e6},
    "frequency": {"Hz|hertz": 1, "kHz|kilohertz": 1e3, "MHz|megahertz": 1e6, "GHz|gigahertz": 1e9},
    "euro": {"€|eur|euro": 1},
    "dollar": {"$|usd|dollar": 1},
    "pound": {"£|gbp|pound": 1},
    "cent": {"cent": 0.01},
    "percent": {"%|percent|per cent|pct": 1},
    "celsius": {"°C": 1},
    "fahrenheit": {"°F": 1},
    "angle": {"°|degree": 1},
    "area": {"ha|hectare": 1},
    "times": {"time": 1},
}
_UNITS = {
    name: (dimension, factor)
    for dimension, sizes in _SIZES.items()
    for names, factor in sizes.items()
    for name in names.split("|")
}
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_ONES = listed(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
    """
)
_TENS = listed("twenty thirty forty fifty sixty seventy eighty ninety")
_WORDS = {word: float(n) for n, word in enumerate(_ONES)} | {word: 10.0 * n for n, word in enumerate(_TENS, 2)}
_ORDINALS = {
    word: float(n)
    for n, word in enumerate(
        listed(
            """
    fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth
    """
        ),
        4,
    )
}
_SCALES = {"hundred": 100.0, "thousand": 1e3, "million": 1e6, "billion": 1e9, "dozen": 12.0}
_PARTS = {"half": 0.5, "halves": 0.5, "third": 1 / 3, "thirds": 1 / 3, "quarter": 0.25, "quarters": 0.25}
_RATES = {"daily": "day", "weekly": "week", "monthly": "month", "yearly": "year", "annual": "year", "annually": "year"}
_RATES |= {"hourly": "hour"}

_MONTHS = listed("january february march april may june july august september october november december")
MONTH = "|".join(name[:3] + (f"(?:{name[3:]})?" if len(name) > 3 else "") for name in map(str.capitalize, _MONTHS))
_ORD = "(?:st|nd|rd|th)?"
_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_DAYS = {word: n for n, word in enumerate(("first", "second", "third", *_ORDINALS), 1)}
_DAYS |= {f"twenty-{word}": 20 + n for word, n in tuple(_DAYS.items())[:9]} | {"thirtieth": 30, "thirty-first": 31}
_WORDED_DAY = re.compile(rf"\b(?:{'|'.join(sorted(_DAYS, key=len, reverse=True))})(?=\s+(?:of\s+)?(?:{MONTH})\b)", re.I)
_DOTTED = re.compile(r"\b(\d{1,2})(?:\.\s?|/)(\d{1,2})(?:\.\s?|/)(\d{4})\b")
_DAY_FIRST = re.compile(
    rf"\b(?:(\d{{1,2}}){_ORD}\s*(?:to|and|until|-|–)\s*)?(\d{{1,2}}){_ORD}\.?\s+(?:of\s+)?({MONTH})\b"
)
_MONTH_FIRST = re.compile(rf"\b({MONTH})\.?\s+(\d{{1,2}}){_ORD}\b(?!:)")
# "May" is mostly a verb.
_MONTH_ALONE = re.compile(rf"(?<=[\s-])(?:(?!May\b)(?:{MONTH})|(?<=[a-z][\s-])May)\b|^(?!May\b)(?:{MONTH})\b")
_DAY_NAME = re.compile(
    r"\b((?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)s?\b|\b(spring|summer|autumn|winter)\b", re.IGNORECASE
)
_QUARTERLY = re.compile(r"\b(?:(?:each|every|per) quarter|quarterly)\b", re.I)
_FORTNIGHTLY = re.compile(r"\b(every )(?:second|other) (?=(?:mon|tues|wednes|thurs|fri|satur|sun)day)", re.I)
_EVERY_OTHER = re.compile(r"\b(every )(?:second|other) (day|week|month|year|quarter)\b", re.IGNORECASE)
_TWELVE = re.compile(r"\b12 (noon|midnight)\b", re.IGNORECASE)
_PART_NAME = re.compile(r"\b(morning|afternoon|evening|night)s?\b", re.IGNORECASE)
_BREAKS = re.compile(r"[.;:,!?]")
_HALF_DAY = r"(?:\s*([ap])\.?m\b\.?)"
_CLOCK = re.compile(rf"\b(\d{{1,2}}):(\d\d)(?::\d\d)?\b{_HALF_DAY}?|\b(\d{{1,2}}){_HALF_DAY}", re.IGNORECASE)
_SPOKEN = re.compile(
    r"\b(?:(?P<past>half past|(?:quarter|five|ten|twenty|twenty-five)(?: minutes)? (?:past|to))\s+)?"
    rf"(?P<hour>\d{{1,2}}|{'|'.join(_ONES[1:13])})\b"
    r"(?P<clock>\s+o'clock\b)?(?:\s+(?:in the |at )(?P<part>morning|afternoon|evening|night)\b)?"
    r"(?(past)|(?(clock)|(?(part)|(?!))))",
    re.IGNORECASE,
)
_MINUTES = {"half": 30, "quarter": 15, "five": 5, "ten": 10, "twenty": 20, "twenty-five": 25}
_NOON = re.compile(r"\b(?:at |until |by )?(noon|midnight)\b", re.IGNORECASE)
_DIGITS = r"\d{1,3}(?:[ ,’'\u00a0\u202f]\d{3})+(?![\d])(?:\.\d+)?|\d+(?:[.,]\d+)*"
_NUMBER_WORD = "|".join((*_TENS, *_ONES, *_ORDINALS))
_HEAD = rf"(?:{_DIGITS})(?:st|nd|rd|th)?|(?:{'|'.join(_TENS)})-(?:{'|'.join(_ONES[1:10])})\b|(?:{_NUMBER_WORD})\b"
_QUANTITY = re.compile(
    rf"(?<![\w.,-])(?P<sign>(?:[€$£]|(?:EUR|USD|GBP)\b)\s?)?(?:(?P<part>half|(?:a\s+|one\s+)?(?:quarter|third))(?:\s+of)?\s+(?:an?\s+)"
    rf"|(?P<head>{_HEAD})(?:[\s-]+(?P<parts>half|halves|thirds?|quarters?)\b)?|(?P<one>an?|per|each|every|one)\s+"
    rf"|(?P<rate>{'|'.join(_RATES)})\b|(?P<alone>half|third|quarter|once|twice)\b)"
    rf"(?:[\s-]*(?P<scale>{'|'.join(_SCALES)})s?\b)?(?:(?:[\s-]|(?<=\d))*(?P<unit>{_UNIT})(?:s|es)?(?![\w°]))?",
    re.IGNORECASE,
)
_AND_A = re.compile(r"\band a \Z")
_RANGE = re.compile(r"\s*(?:to|or|and|-|–)\s*")
_SHARE = re.compile(
    rf"\b(?:(?:(?P<count>{'|'.join(_ONES[1:10])})|an?)[\s-](?P<part>{'|'.join(_ORDINALS)})s?"
    r"(?= (?:of|is|are|was|were)\b|[.,;])"
    rf"|(?:one|1) (?:in|out of) (?P<whole>[1-9]\d{{0,2}}(?![.,]?\d)|{'|'.join((*_ONES[2:], *_TENS))})\b)",
    re.IGNORECASE,
)
_AGED = re.compile(r"\b(under|over)-(\d+)s?(?![\w-])", re.IGNORECASE)
_COUNTED = frozenset(
    listed(
        """
    steps ways things options conditions cases reasons points parts kinds types exceptions requirements
    rules main
    """
    )
)
_FOLLOWING = re.compile(r"\s([^\W\d_]+)")


def is_unit(word: str) -> bool:
    return word in _UNITS


@dataclass(frozen=True, slots=True)
class Quantity:
    """value: in its unit, as it was written. size: in the first unit of the dimension. start: its place in the text.
    firm: more than "a year" or "daily". bare: nothing follows that says of what. counts: of what the text itself
    goes on to tell, as in "three steps".
    """

    value: float
    size: float
    dimension: str
    words: str
    start: int
    firm: bool
    bare: bool
    counts: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """days: day and month. months: by number. named: days of the week and seasons. times: minutes of the day, and
    whether morning and afternoon are told apart. parts: of the day, by name."""

    quantities: tuple[Quantity, ...]
    days: tuple[tuple[int, int], ...]
    months: tuple[int, ...]
    named: tuple[str, ...]
    times: tuple[tuple[int, bool], ...]
    parts: tuple[str, ...]


@lru_cache(maxsize=CACHED_TEXTS)
def figures(text: str) -> Figures:
    text = _WORDED_DAY.sub(lambda found: str(_DAYS[found[0].lower()]).ljust(len(found[0])), text)
    text = _SHARE.sub(_decimal, _AGED.sub(r"\1 \2 ", text))
    text = _TWELVE.sub(lambda found: found[1].rjust(len(found[0])), text)
    text = _EVERY_OTHER.sub(lambda found: f"{found[1]}2 {found[2]}s".ljust(len(found[0])), text)
    text = _FORTNIGHTLY.sub(lambda found: found[1] + "2 week".ljust(len(found[0]) - len(found[1])), text)
    reader = _Reader(_QUARTERLY.sub(lambda found: "3 months".ljust(len(found[0])), text))
    days, months = reader.dates()
    times = reader.times()
    named = tuple((m[1] or m[2]).lower() for m in _DAY_NAME.finditer(text))
    quantities = tuple(_quantities(reader.rest))
    other = tuple(chain.from_iterable(_read_together(*pair, text) for pair in pairwise(quantities)))
    parts = tuple(m[1].lower() for m in _PART_NAME.finditer(text))
    return Figures((*quantities, *other), days, months, named, times, parts)


def _read_together(one: Quantity, other: Quantity, text: str) -> Iterator[Quantity]:
    """Other readings of both: "twice a year" is every six months, "one hour and 39 minutes" are 99 minutes, and 600 per
    minute are ten per second."""
    between = text[one.start + len(one.words) : other.start]
    if not one.size or between.count(" ") > 3 or _BREAKS.search(between):
        return
    together = one.firm or between.strip() == "and"
    if together and one.dimension == other.dimension == SECONDS and other.firm and between.strip() in ("", "and"):
        for each in (one, other):
            yield replace(each, value=one.size + other.size, size=one.size + other.size, firm=True)
    if not one.firm or other.dimension not in (SECONDS, MONTHS) or other.firm:
        return
    if one.dimension == "times":
        yield replace(other, value=other.value / one.value, size=other.size / one.value, firm=True)
    for each in (one, other):
        rate, dimension = one.size / other.size, f"{one.dimension} per {other.dimension}"
        yield replace(each, value=rate, size=rate, dimension=dimension, firm=True)


def _decimal(found: re.Match[str]) -> str:
    """A fifth of, one in five: 0.2; never longer."""
    if found["whole"]:
        whole = found["whole"].lower()
        share = 1 / float(whole if whole.isdigit() else _WORDS[whole])
    else:
        share = _WORDS.get((found["count"] or "").lower(), 1.0) / _ORDINALS[found["part"].lower().removesuffix("s")]
    return f"{share:.6g}"[: len(found[0])].ljust(len(found[0]))


class _Reader:
    """Takes out of a text what was understood, so that no figure counts twice."""

    def __init__(self, text: str) -> None:
        self.rest = text

    def _take(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        found = list(pattern.finditer(self.rest))
        for m in reversed(found):
            self.rest = self.rest[: m.start()] + ";".ljust(len(m[0])) + self.rest[m.end() :]
        return found

    def dates(self) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
        iso, dotted = self._take(_ISO), self._take(_DOTTED)
        days = [(int(m[3]), int(m[2])) for m in iso] + [_day_first(int(m[1]), int(m[2])) for m in dotted]
        for m in self._take(_DAY_FIRST):
            days += [(int(day), month_of(m[3])) for day in (m[1], m[2]) if day]
        days += [(int(m[2]), month_of(m[1])) for m in self._take(_MONTH_FIRST)]
        months = [month for _, month in days if 1 <= month <= 12] + [month_of(m[0]) for m in self._take(_MONTH_ALONE)]
        self.rest += "".join(f" ; {year}" for year in [m[1] for m in iso] + [m[3] for m in dotted])
        return tuple(days), tuple(months)

    def times(self) -> tuple[tuple[int, bool], ...]:
        found = [_clock(m) for m in self._take(_CLOCK)]
        found += [_spoken(m) for m in self._take(_SPOKEN)]
        found += [(720 if m[1].lower() == "noon" else 0, True) for m in self._take(_NOON)]
        return tuple(found)


def _day_first(one: int, other: int) -> tuple[int, int]:
    """12/31 is the 31st of December."""
    return (other, one) if one <= 12 < other else (one, other)


def month_of(name: str) -> int:
    return [each[:3] for each in _MONTHS].index(name[:3].lower()) + 1


def _clock(found: re.Match[str]) -> tuple[int, bool]:
    hour, minute = int(found[1] or found[4]), int(found[2] or 0)
    half = (found[3] or found[5] or "").lower()
    if half:
        hour = hour % 12 + 12 * (half == "p")
    return hour * 60 + minute, True


def _spoken(found: re.Match[str]) -> tuple[int, bool]:
    name, part = found["hour"].lower(), (found["part"] or "").lower()
    hour = int(name) if name.isdigit() else int(_WORDS[name])
    late = part in ("afternoon", "evening") or (part == "night" and hour >= 6)
    minutes = (hour % 12 + 12 * late if part else hour) * 60
    past = (found["past"] or "").lower().split()
    away = _MINUTES[past[0]] * (-1 if past[-1] == "to" else 1) if past else 0
    return (minutes + away) % 1440, bool(part)


def _quantities(text: str) -> Iterator[Quantity]:
    before: list[Quantity] = []
    for found in _QUANTITY.finditer(text):
        if found["one"] and not found["unit"] and not found["scale"]:
            continue
        next_word = _FOLLOWING.match(text, found.end())
        follows = next_word[1].lower() if next_word else ""
        if found["one"] and (found["unit"] or "").lower() == "second" and follows and follows not in ENGLISH:
            continue
        dimension, factor = _unit_of(found)
        if found["alone"] == "half" and before and _AND_A.search(text, 0, found.start()):
            before = [_with_half(each, dimension, factor) for each in before]
            continue
        firm = bool(found["scale"]) or (found["one"] or found["rate"] or "one").lower() == "one"
        bare = not dimension and (not follows or follows in ENGLISH)
        counts = not found[0][0].isdigit() and follows in _COUNTED
        now = [
            Quantity(value, value * factor, dimension, found[0].strip(), found.start(), firm, bare, counts)
            for value in _values(found)
        ]
        if (
            before
            and not before[0].dimension
            and dimension
            and _RANGE.fullmatch(text, before[0].start + len(before[0].words), found.start())
        ):
            before = [replace(each, size=each.value * factor, dimension=dimension, bare=False) for each in before]
        yield from before
        before = now
    yield from before


def _with_half(whole: Quantity, dimension: str, factor: float) -> Quantity:
    """The unit may stand behind the half."""
    value = whole.value + 0.5
    if dimension and not whole.dimension:
        return replace(whole, value=value, size=value * factor, dimension=dimension, bare=False)
    return replace(whole, value=value, size=whole.size * value / whole.value)


def _unit_of(found: re.Match[str]) -> tuple[str, float]:
    if (found["alone"] or "").lower() in ("once", "twice"):
        return "times", 1.0
    name = found["unit"] or (found["sign"] or "").strip() or _RATES.get((found["rate"] or "").lower(), "")
    return _UNITS.get(name) or _UNITS.get(name.lower()) or ("", 1.0)


def _values(found: re.Match[str]) -> list[float]:
    """More than one where a notation can be read in two ways."""
    scale = _SCALES.get((found["scale"] or "").lower(), 1.0)
    head, alone = found["head"], (found["alone"] or "").lower()
    if head:
        parts = _PARTS.get((found["parts"] or "").lower(), 1.0)
        return [value * scale * parts for value in _read(re.sub(r"(?:st|nd|rd|th)$", "", head.lower()) or head)]
    if alone == "third":
        return [1 / 3, 3.0]
    if alone:
        return [{"once": 1.0, "twice": 2.0}.get(alone, _PARTS.get(alone, 0.0)) * scale]
    part = (found["part"] or "").lower().split()
    return [(_PARTS[part[-1]] if part else 1.0) * scale]


def _read(head: str) -> list[float]:
    if not head[0].isdigit():
        first, _, second = head.partition("-")
        whole = {**_WORDS, **_ORDINALS, **{word[:-2]: n for word, n in _ORDINALS.items()}}
        return [whole.get(first, 0.0) + whole.get(second, 0.0)]
    plain = re.sub(r"[ ’'\u00a0\u202f]|,(?=\d{3}(?!\d))", "", head)
    if plain.count(".") > 1 or plain.count(",") > 1:
        return [float(re.sub(r"\D", "", plain))]
    value = float(plain.replace(",", "."))
    return [value, value * 1000] if re.fullmatch(r"\d{1,3}\.\d{3}", head) else [value]


def equal(one: Quantity, other: Quantity) -> bool:
    if one.dimension == other.dimension:
        return same_value(one.size, other.size)
    kinds = {one.dimension, other.dimension}
    if "cent" in kinds and kinds & {"euro", "dollar", "pound"}:
        return same_value(one.size, other.size)
    if "percent" in kinds and "" in kinds:
        part, percent = (one, other) if other.dimension == "percent" else (other, one)
        return same_value(part.value * 100, percent.value) or (part.bare and same_value(part.value, percent.value))
    if kinds == {"times", ""}:
        return same_value(one.value, other.value)
    return (one.bare or other.bare) and same_value(one.value, other.value)


def same_value(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(abs(one), abs(other))
