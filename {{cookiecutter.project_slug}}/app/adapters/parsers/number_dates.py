"""Dates, times and durations of a spreadsheet, by their number format."""

import re
from datetime import datetime, timedelta
from functools import lru_cache

_DATE = re.compile(r"[ymdhs]", re.IGNORECASE)
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|General', re.IGNORECASE | re.DOTALL)
_PIECE = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|_.|\*.|\[(?P<total>h+|m+|s+)\]|\[[^\]]*\]'
    r"|(?P<unit>h+|m+|s+)|(?P<fraction>\.0+)|(?P<other>.)",
    re.IGNORECASE | re.DOTALL,
)
_FRACTION = re.compile(r"s\]?\.(0{1,6})", re.IGNORECASE)
_MAX_SERIAL = 2_958_466
_DAY_SECONDS = 86_400
_UNITS = {"h": 3600, "m": 60, "s": 1}


@lru_cache(512)
def is_date(section: str) -> bool:
    return bool(_ELAPSED.search(section) or _DATE.search(without_literals(section)))


def without_literals(section: str) -> str:
    """The signs of a format that stand for parts of the value."""
    return _LITERAL.sub("", section)


def shown_date(serial: float, section: str, *, since_1904: bool) -> str | None:
    """A date as `2031-12-24`, a time of day, or the time that passed, as the format asks; None for no date of a
    spreadsheet.
    """
    if _ELAPSED.search(section):
        return _elapsed(serial, section) if abs(serial) < _MAX_SERIAL else None
    days = serial + 1462 if since_1904 else serial
    if not 0 <= days < _MAX_SERIAL:
        return None
    places = _places_of_seconds(section)
    first = datetime(1899, 12, 30 if days >= 60 else 31)
    try:
        moment = first + timedelta(microseconds=round(days * _DAY_SECONDS, places) * 1_000_000)
    except OverflowError:  # the last second of the year 9999, rounded up
        return None
    letters = without_literals(section).lower()
    date = f"{moment:%Y-%m-%d}"
    if not ("h" in letters or "s" in letters):
        return date
    clock = _clock(moment, places, hours="h" in letters)
    return f"{date} {clock}" if re.search(r"[yd]", letters) else clock


def _clock(moment: datetime, places: int, *, hours: bool) -> str:
    seconds = f"{moment:%S.%f}"[: 3 + places] if places else f"{moment:%S}"
    if not hours:
        return f"{moment:%M}:{seconds}"
    return f"{moment:%H:%M}:{seconds}" if moment.second or moment.microsecond else f"{moment:%H:%M}"


def _places_of_seconds(section: str) -> int:
    found = _FRACTION.search(section)
    return len(found[1]) if found else 0


def _elapsed(serial: float, section: str) -> str:
    """The largest unit counts on without an end, the smaller ones within it."""
    places = _places_of_seconds(section)
    seconds = round(abs(serial) * _DAY_SECONDS, places)
    whole = int(seconds)
    pieces = ["-" if serial < 0 and seconds else ""]
    for match in _PIECE.finditer(section):
        if unit := match["total"]:
            pieces.append(str(whole // _UNITS[unit[0].lower()]).rjust(len(unit), "0"))
        elif unit := match["unit"]:
            size = _UNITS[unit[0].lower()]
            pieces.append(str(whole // size % (24 if size == 3600 else 60)).rjust(len(unit), "0"))
        elif match["fraction"]:
            pieces.append(f"{seconds - whole:.{places}f}"[1:])
        else:
            pieces.append(match["quoted"] or match["escaped"] or (match["other"] or "").strip("@"))
    return "".join(pieces).strip()
