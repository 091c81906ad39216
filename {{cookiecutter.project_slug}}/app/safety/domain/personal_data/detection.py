"""All detectors together: which finding holds where several overlap, and what is none after all."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from app.safety.domain.personal_data.documents import BirthDateDetector, DocumentNumberDetector
from app.safety.domain.personal_data.findings import KINDS, Detector, Kind, PersonalData
from app.safety.domain.personal_data.national_id_rules import COUNTRIES
from app.safety.domain.personal_data.national_ids import NationalIdDetector
from app.safety.domain.personal_data.network import EmailDetector, IpDetector, MacDetector, UrlUserDetector
from app.safety.domain.personal_data.payment import CardDetector, CryptoAddressDetector, IbanDetector
from app.safety.domain.personal_data.phones import PhoneDetector

_DIGIT_OR_AT = re.compile(r"[\d@]|\.com/")
_ORDINARY = re.compile(
    r"(?<![\w-])(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\d[- ]\d{2,5}[- ]\d{2,6}[- ][\dX]|97[89][- ]\d{1,5}[- ]\d{1,7}[- ]\d{1,7}[- ]\d)(?![\w-])",
    re.IGNORECASE,
)
_NEVER_ORDINARY = frozenset({"email", "url_user", "ip_address", "mac_address"})


@dataclass(frozen=True)
class PersonalDataDetector:
    """Finds personal data of the named kinds. countries: whose national numbers and telephone numbers are recognised.

    Names of people and street addresses are not found: without a language model they cannot be told from other words.
    """

    kinds: Collection[Kind] = KINDS
    countries: Sequence[str] = COUNTRIES
    detectors: tuple[Detector, ...] = field(init=False)

    def __post_init__(self) -> None:
        ranked: tuple[tuple[frozenset[str], Detector], ...] = (
            (frozenset({"url_user"}), UrlUserDetector()),
            (frozenset({"email"}), EmailDetector()),
            (frozenset({"crypto_address"}), CryptoAddressDetector()),
            (frozenset({"iban"}), IbanDetector()),
            (frozenset({"mac_address"}), MacDetector()),
            (frozenset({"ip_address"}), IpDetector()),
            (frozenset({"date_of_birth"}), BirthDateDetector()),
            (frozenset({"passport", "driving_licence"}), DocumentNumberDetector("passport", "driving_licence")),
            (frozenset({"card"}), CardDetector()),
            (frozenset({"national_id"}), NationalIdDetector(self.countries)),
            (frozenset({"national_id"}), DocumentNumberDetector("national_id")),
            (frozenset({"phone"}), PhoneDetector(self.countries)),
        )
        wanted = frozenset(self.kinds)
        object.__setattr__(self, "detectors", tuple(each for kinds, each in ranked if kinds & wanted))

    def find(self, text: str) -> tuple[PersonalData, ...]:
        """Findings in the order of the text, none overlapping another. The first detector wins a place."""
        if not _DIGIT_OR_AT.search(text):
            return ()
        found: list[PersonalData] = []
        taken = bytearray(len(text))
        for detector in self.detectors:
            for each in detector.find(text):
                if not _marked(taken, each) and each.kind in self.kinds:
                    _mark(taken, each.start, each.end)
                    found.append(each)
        return tuple(sorted(_without_ordinary(text, found), key=lambda each: each.start))


def _without_ordinary(text: str, found: Sequence[PersonalData]) -> Iterator[PersonalData]:
    """Without what lies in a UUID, a time or the number of a book."""
    ordinary = bytearray(len(text) if found else 0)
    for match in _ORDINARY.finditer(text) if found else ():
        _mark(ordinary, match.start(), match.end())
    yield from (each for each in found if each.kind in _NEVER_ORDINARY or not _marked(ordinary, each))


def _mark(places: bytearray, start: int, end: int) -> None:
    places[start:end] = b"\1" * (end - start)


def _marked(places: bytearray, found: PersonalData) -> bool:
    return places.find(1, found.start, found.end) >= 0
