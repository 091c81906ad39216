"""All detectors together: which finding holds where several overlap, and what is none after all."""

import re
from collections.abc import Collection, Sequence
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
        for detector in self.detectors:
            for each in detector.find(text):
                if not _overlaps(each.start, each.end, found):
                    found.append(each)
        if found:
            ordinary = [match.span() for match in _ORDINARY.finditer(text)]
            found = [each for each in found if each.kind in self.kinds and not _is_ordinary(each, ordinary)]
        return tuple(sorted(found, key=lambda each: each.start))


def _overlaps(start: int, end: int, found: Sequence[PersonalData]) -> bool:
    return any(start < each.end and each.start < end for each in found)


def _is_ordinary(found: PersonalData, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether it lies in a UUID, a time or the number of a book."""
    if found.kind in _NEVER_ORDINARY:
        return False
    return any(found.start < end and start < found.end for start, end in spans)
