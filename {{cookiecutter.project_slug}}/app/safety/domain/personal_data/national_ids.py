"""National numbers of persons. The forms are looked up, so that a text costs the same however many there are."""

import re
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from importlib import import_module

from app.safety.domain.personal_data import context
from app.safety.domain.personal_data.findings import PersonalData
from app.safety.domain.personal_data.national_id_rules import RULES, IdRule

# It begins at a digit, because few characters of a text are digits; letters before it are added afterwards.
# Bounded, because a long word that is none in the end must not be tried from each of its digits to its end.
_TOKEN = re.compile(
    r"\d[A-Za-z0-9]{0,19}(?:[ ./+-](?:[A-Za-z]{0,6}\d[A-Za-z0-9]{0,19}|[A-Za-z]{1,3}(?![A-Za-z]))){0,8}"
    r"(?!(?a:[\w@]))"
)
_LETTERS_BEFORE = re.compile(r"(?<!(?a:[\w@#.]))[A-Za-z]{1,6}[ -]?$")
_JOINED = re.compile(r"[\w@#.]", re.ASCII)
_PART = re.compile(r"[A-Za-z0-9]+")
_SHAPE = str.maketrans("0123456789" + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "9" * 10 + "A" * 52)
_MAX_PARTS, _MIN_DIGITS = 7, 4
_NINO = re.compile(r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_RVNR_WEIGHTS = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
_NOT_ALNUM = re.compile(r"[^0-9A-Za-z]")


class NationalIdDetector:
    """countries: whose numbers are recognised."""

    def __init__(self, countries: Collection[str]) -> None:
        self._rules: dict[str, list[IdRule]] = {}
        for rule in RULES:
            for shape in rule.shapes if rule.country in countries else ():
                self._rules.setdefault(shape, []).append(rule)

    def find(self, text: str) -> Iterator[PersonalData]:
        for token in _TOKEN.finditer(text):
            if sum(map(str.isdigit, token[0])) < _MIN_DIGITS:
                continue
            start = token.start()
            if letters := _LETTERS_BEFORE.search(text, max(0, start - 8), start):
                start = letters.start()
            elif start and _JOINED.match(text, start - 1):
                continue
            yield from self._in_token(text, start, text[start : token.end()])

    def _in_token(self, text: str, offset: int, token: str) -> Iterator[PersonalData]:
        """The longest runs of parts that have the form of a number, from left to right."""
        shape = token.translate(_SHAPE)
        parts = [(part.start(), part.end()) for part in _PART.finditer(token)]
        first = 0
        while first < len(parts):
            for last in range(min(len(parts), first + _MAX_PARTS) - 1, first - 1, -1):
                start, end = parts[first][0], parts[last][1]
                rules = self._rules.get(shape[start:end])
                if rules and (found := self._recognised(text, offset + start, offset + end, rules)):
                    yield found
                    first = last
                    break
            first += 1

    def _recognised(self, text: str, start: int, end: int, rules: list[IdRule]) -> PersonalData | None:
        """By the first rule whose word stands nearby, else by the first that needs none."""
        number = text[start:end]
        shape = number.translate(_SHAPE)
        labelled = [rule for rule in rules if context.closer(rule.pattern, text, start)]
        for rule in labelled:
            # A British number has no checksum; after its name any prefix will do.
            if rule.check == "own.nino" or _is_valid(rule.check, number):
                why = f"a word for it, and the check {rule.check}"
                return PersonalData("national_id", start, end, rule.country, why)
        if not number.isupper() and not _NOT_ALNUM.sub("", number).isdigit():
            return None
        ordinary = context.last_before(context.ORDINARY, text, start, reach=24) >= 0
        for rule in rules if not ordinary else ():
            if rule.shapes[shape] and _is_valid(rule.check, number):
                return PersonalData("national_id", start, end, rule.country, f"its form, and the check {rule.check}")
        return None


@lru_cache(maxsize=4096)
def _is_valid(check: str, number: str) -> bool:
    place, _, name = check.partition(".")
    valid = _OWN[name] if place == "own" else import_module(f"stdnum.{check}").is_valid
    try:
        return bool(valid(number))
    except Exception:  # the package raises KeyError and others for places and dates that it does not know
        return False


def _is_nino(number: str) -> bool:
    """A British National Insurance number, which has no checksum, by the prefixes that are given out."""
    return bool(_NINO.fullmatch(_NOT_ALNUM.sub("", number).upper()))


def _is_rvnr(number: str) -> bool:
    """A German social insurance number, by its date and checksum."""
    plain = _NOT_ALNUM.sub("", number).upper()
    day, month = int(plain[2:4]) % 50, int(plain[4:6])
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return False
    digits = plain[:8] + f"{ord(plain[8]) - 64:02d}" + plain[9:]
    products = (int(digit) * weight for digit, weight in zip(digits, _RVNR_WEIGHTS, strict=False))
    return sum(product // 10 + product % 10 for product in products) % 10 == int(digits[-1])


def _is_rrn(number: str) -> bool:
    """A South Korean resident number, by its date; those given out since October 2020 have no checksum."""
    return 1 <= int(number[2:4]) <= 12 and 1 <= int(number[4:6]) <= 31 and number[7] in "12345678"


def _is_ric(number: str) -> bool:
    """A Chinese resident identity number, by its date and checksum; the package knows only today's counties."""
    from stdnum.cn import ric

    return bool(ric.get_birth_date(number)) and number[-1].upper() == ric.calc_check_digit(number)


def _is_snils(number: str) -> bool:
    """A Russian pension insurance number, by its checksum."""
    plain = _NOT_ALNUM.sub("", number)
    total = sum(int(digit) * weight for digit, weight in zip(plain, range(9, 0, -1), strict=False)) % 101
    return total % 100 == int(plain[9:])


def _is_nric(number: str) -> bool:
    """A Singaporean identity number, by its checksum."""
    first, digits, last = number[0].upper(), number[1:8], number[8].upper()
    if first not in "STFGM":
        return False
    total = sum(int(digit) * weight for digit, weight in zip(digits, (2, 7, 6, 5, 4, 3, 2), strict=True))
    rest = (total + {"T": 4, "G": 4, "M": 3}.get(first, 0)) % 11
    letters = "JZIHGFEDCBA" if first in "ST" else "XWUTRQPNMLK" if first in "FG" else "KLJNPQRTUWX"[::-1]
    return letters[rest] == last


_OWN: dict[str, Callable[[str], bool]] = {
    "nino": _is_nino,
    "rvnr": _is_rvnr,
    "rrn": _is_rrn,
    "ric": _is_ric,
    "snils": _is_snils,
    "nric": _is_nric,
}
