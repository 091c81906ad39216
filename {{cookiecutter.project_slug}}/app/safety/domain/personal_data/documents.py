"""What only the words beside it give away: passports, driving licences and dates of birth."""

import re
from collections.abc import Iterator

from app.safety.domain.personal_data.findings import Kind, PersonalData

_LINK = (
    r"(?i:(?:[ \t]*(?:no\.?|nr\.?|n[°º.]|number|nummer|num[ée]ro|n[úu]mero|numer|num\.|is|ist|es|est|è|é|to|of|de|di"
    r"|mit der|der|:|=|#|-|–|\())*[ \t]*)"
)
_NUMBER = r"((?=(?:[A-Z0-9-]{0,14}\d){4})(?:[A-Z0-9]{1,3}[ -](?=[A-Z0-9]{0,14}\d{4}))?[A-Z0-9]{5,18})(?![\w-])"
_PASSPORT = (
    r"(?<![^\W_])(?i:passport|reisepass|pass(?:nummer|nr|-nr)|passeport|pasaporte|passaporto|paspoort|passaporte"
    r"|paszport|passi(?:n)?|pas(?:nummer|port))(?i:(?:e?s?n?)(?:nummer)?)"
)
_LICENCE = (
    r"(?<![^\W_])(?i:driv(?:er|ing)(?:['’]?s)?[ -]licen[cs]e|dl(?= ?(?:no|nr|#|number|:))|f[üu]hrerschein"
    r"|fahrerlaubnis|permis de conduire|carn[eé]t? de conducir|permiso de conducir|licencia de conducir"
    r"|patente(?: di guida)?|rijbewijs|carta de condu[çc][ãa]o|cnh|prawo jazdy|prawa jazdy|k[öo]rkort)"
    r"(?i:s?(?:nummer)?)"
)
_IDENTITY_CARD = (
    r"(?<![^\W_])(?i:identity card|id[ -]card|personalausweis|ausweis|carte (?:nationale )?d['’]identit[ée]"
    r"|carta d['’]identit[àa]|dow[óo]d osobisty|dowodu osobistego|carn[eé]t de identidad|c[ée]dula de identidad"
    r"|identiteitskaart|cni)"
    r"(?i:s?(?:nummer)?)"
)
_NUMBERS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("passport", re.compile(_PASSPORT + _LINK + _NUMBER)),
    ("driving_licence", re.compile(_LICENCE + _LINK + _NUMBER)),
    ("national_id", re.compile(_IDENTITY_CARD + _LINK + _NUMBER)),
)
_BORN = re.compile(
    r"(?<![^\W_])(?:born|date[ _]of[ _]birth|birth[ _]?da(?:te|y)|d\.?o\.?b\.?(?![^\W_])|geboren|geburtsdatum"
    r"|geburtstag|geb\.|n[ée]e? le|date de naissance|nacid[oa]|naci[óo]|fecha de nacimiento|nat[oa] il"
    r"|data di nascita|geboortedatum|nascid[oa]|data de nascimento|nasceu|urodzon[yae]|data urodzenia|f[öo]dd|f[øo]dt"
    r"|f[øo]dselsdato|f[öo]delsedatum|syntym[äa]|narozen|datum narozen[íi]|дата рождения|родил)"
    r"|生年月日|出生|생년월일",
    re.IGNORECASE,
)
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"[^\W\d_]{3,12}", r"(?:19|20)\d\d"
_DATE = re.compile(
    rf"(?<![\d.])(?:{_YEAR}[-/.](?:0?[1-9]|1[0-2])[-/.]{_DAY}"
    rf"|{_DAY}[-/. ]{_DAY}[-/. ](?:{_YEAR}|\d\d)"
    rf"|{_DAY}(?:st|nd|rd|th|\.|er|º)?[ -](?:de |of )?{_MONTH}\.?,?[ -](?:del? )?{_YEAR}"
    rf"|{_MONTH}\.? {_DAY}(?:st|nd|rd|th)?,? {_YEAR}"
    rf"|{_YEAR} ?[年년] ?\d{{1,2}} ?[月월] ?\d{{1,2}} ?[日일])(?!\d)",
    re.IGNORECASE,
)
# Finding these in the text is many times faster than the patterns, and most texts have none.
_BORN_STEMS = (
    "born birth dob d.o.b gebor geburt geb. né naiss nacid nació nacio nacim nato nata nascid nascim nasceu urodz född"
    " fodd født fodt føds föde synty naroz рожд родил 生年月日 出生 생년월일"
)
_DOCUMENT_STEMS = (
    "pass pasap pasport paspo paszp driv dl führerschein fuhrerschein fahrerl permis carn licen patent rijbew carta cnh"
    " prawo prawa kort ausweis ident id dow dula cni"
)
_BORN_STEM, _DOCUMENT_STEM = _BORN_STEMS.split(), _DOCUMENT_STEMS.split()
_GAP, _LONGEST_DATE = 28, 24
"""The most characters between the word and the date, and of the date."""


class DocumentNumberDetector:
    """Numbers of passports, driving licences and identity cards, which have no common checksum."""

    def __init__(self, *kinds: Kind) -> None:
        self._numbers = [(kind, pattern) for kind, pattern in _NUMBERS if kind in kinds]

    def find(self, text: str) -> Iterator[PersonalData]:
        lower = text.lower()
        if not any(stem in lower for stem in _DOCUMENT_STEM):
            return
        for kind, pattern in self._numbers:
            for match in pattern.finditer(text):
                yield PersonalData(kind, match.start(1), match.end(1), why="the words before it")


class BirthDateDetector:
    """Dates soon after a word for being born. Other dates are not personal data by themselves."""

    def find(self, text: str) -> Iterator[PersonalData]:
        lower, end = text.lower(), -1
        if not any(stem in lower for stem in _BORN_STEM):
            return
        for word in _BORN.finditer(text):
            date = _DATE.search(text, word.end(), min(len(text), word.end() + _GAP + _LONGEST_DATE))
            if date and date.start() - word.end() <= _GAP and date.start() >= end:
                end = date.end()
                yield PersonalData("date_of_birth", date.start(), end, why="the words before it")
