"""Telephone numbers, by the numbering plans that the package phonenumbers carries."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from app.safety.domain.personal_data import context
from app.safety.domain.personal_data.findings import PersonalData

# `(?a:\w)`: a number may follow Chinese or Japanese letters without a space.
_CANDIDATE = re.compile(
    r"(?<!(?a:[\w.#$€£/+-]))(?<!\d[,:])(?:\(?\+[ ]?)?\(?\d"
    r"(?:\d|\)?[ \u00a0]?[./-]?[ \u00a0]?\(?(?=\d)|\)[ \u00a0]?(?=\d)){5,24}(?<=\d)"
    r"(?P<extension>[ ]?(?:x|ext\.?|#)[ ]?\d{1,6})?(?!(?a:[\w%€$£])|[.,:/-]\d|\))"
)
_GROUPS = re.compile(r"\d+")
_NORTH_AMERICAN = re.compile(r"(?:1[ .-]?)?(?:\([2-9]\d\d\)[ ]?|[2-9]\d\d([ .-]))[2-9]\d\d(?(1)\1|[ .-])\d{4}")
_DATE = re.compile(r"(?:19|20)\d\d([./ -])\d{1,2}\1\d{1,2}(?!\d)|\d{1,2}([./ -])\d{1,2}\2(?:19|20)?\d\d(?!\d)")
_VERSION = r"(?!1\.\d{3}\.\d{3}\.)(?=(?:\d+\.)*\d(?:\.|$))[\d.]+"
_OTHER = re.compile(rf"{_DATE.pattern}|\d+\.\d+|{_VERSION}|(\d)(?:\3|[ .-])*")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}([ .\u00a0])\d{3}(?:\1\d{3})+")
_INTERNATIONAL = re.compile(r"(?:\+|00|011[ -])")
MIN_DIGITS, MAX_DIGITS = 7, 15
NORTH_AMERICA = ("US", "CA")


class PhoneDetector:
    """countries: those whose national numbers are recognised without a country code."""

    def __init__(self, countries: Sequence[str]) -> None:
        self._countries = tuple(countries)

    def find(self, text: str) -> Iterator[PersonalData]:
        for match in _CANDIDATE.finditer(text):
            start, end = _trimmed(text, match.start(), match.end())
            number = text[start : match.start("extension") if match["extension"] else end]
            digits = sum(map(str.isdigit, number))
            if not MIN_DIGITS <= digits <= MAX_DIGITS or _OTHER.fullmatch(number):
                continue
            labelled = context.closer(context.PHONE, text, start) or bool(context.PHONE_AFTER.match(text, end))
            named = context.last_before(context.ORDINARY, text, start, reach=24) >= 0
            if (found := self._recognised(number, digits, labelled, named)) is not None:
                country, why = found
                yield PersonalData("phone", start, end, country, why)

    def _recognised(self, number: str, digits: int, labelled: bool, named: bool) -> tuple[str, str] | None:
        """The country and the reason; None when it is no telephone number. named: an ordinary word names it."""
        if _INTERNATIONAL.match(number.lstrip("(")):
            country = _international(number)
            written_out = number.lstrip("(")[0] == "+" or (not named and not number.isdigit())
            if country is not None and (labelled or written_out):
                return country, "a country code and the length of a number there"
        if labelled:
            return _national(number, self._countries) or "", "a word for a telephone number beside it"
        if named or _THOUSANDS.fullmatch(number):
            return None
        if _NORTH_AMERICAN.fullmatch(number):
            countries = tuple(each for each in self._countries if each in NORTH_AMERICA)
        elif number.startswith("(") or (number.startswith("0") and len(_GROUPS.findall(number)) > 1 and digits > 9):
            countries = self._countries
        else:
            return None
        country = _national(number, countries)
        return (country, f"a valid number in {country}") if country else None


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Without an opening bracket that is not closed inside."""
    number = text[start:end]
    if number.startswith("(") and ")" not in number:
        start += 1
    return start, end


@lru_cache(maxsize=4096)
def _international(number: str) -> str | None:
    """The country of a possible number, empty where several share its code; None when it is not possible."""
    import phonenumbers

    plain = re.sub(r"^\(?(?:\+|00|011)", "+", number)
    try:
        parsed = phonenumbers.parse(plain, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    shared = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    return (phonenumbers.region_code_for_number(parsed) or shared).replace("ZZ", "")


@lru_cache(maxsize=4096)
def _national(number: str, countries: tuple[str, ...]) -> str | None:
    """The first of these countries in which the number is valid."""
    import phonenumbers

    for country in countries:
        try:
            parsed = phonenumbers.parse(number, country)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number_for_region(parsed, country):
            return country
    return None
