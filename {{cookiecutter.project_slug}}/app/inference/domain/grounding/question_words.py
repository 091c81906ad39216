"""What a question asks for, by its question words, and what such an answer looks like."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

Asked = Literal["number", "date", "name"]

_ENGLISH: Mapping[Asked, str] = {
    "number": (
        r"\bhow (?:many|much|long|old|far|often|large|big|tall|high|fast|deep|wide|heavy|hot|cold)\b"
        r"|\bwhat (?:percent|percentage|number|population|amount|fraction|proportion|age|size)\b"
        r"|\bwhat (?:temperature|distance|length|height|width)\b"
    ),
    "date": r"\bwhen\b|\b(?:what|which) (?:year|date|month|day|century|decade|time)\b",
    "name": r"\bwho(?:m|se)?\b",
}
# Number, date and name; in languages whose names have no capital letters of their own, no name.
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "de": (
        r"\bwie ?(?:viele?n?|hoch|lange?|oft|alt|groß|gross|weit|schwer|schnell|teuer)\b",
        r"\bwann\b|welche[ms] (?:jahr|tag)",
    ),
    "fr": (r"\bcombien\b", r"\bquand\b|\bquelle? (?:année|date|heure|jour)\b", r"\bqui\b"),
    "es": (r"\bcu[áa]nt[oa]s?\b", r"\bcuándo\b|\bqué (?:año|día|hora|fecha)\b", r"\bquién(?:es)?\b"),
    "it": (r"\bquant[oaie]\b", r"\bquando\b|\b(?:che|quale) (?:anno|ora|giorno|data)\b", r"\bchi\b"),
    "pt": (r"\bquant[oa]s?\b", r"\bquando\b|\bque (?:ano|horas?|dia|data)\b", r"\bquem\b"),
    "nl": (
        r"\bhoe ?(?:veel|hoog|lang|vaak|oud|groot|ver|zwaar|snel|duur)\b",
        r"\bwanneer\b|\bhoe laat\b|\bwelk jaar\b",
        r"\bwie\b",
    ),
    "pl": (
        r"\bil[eu]\b|\bjak (?:długo|często|wysok|dużo|daleko)",
        r"\bkiedy\b|\bktóre?j godzinie\b|\bktórym roku\b",
        r"\bkto\b|\bkogo\b",
    ),
    "tr": (r"\bkaç\b|\bne kadar\b", r"\bne zaman\b|\bsaat kaçta\b|\bhangi (?:yıl|gün)", r"\bkim(?:in|i|e|dir)?\b"),
    "ru": (
        r"\bсколько\b|\bкак (?:долго|часто|высок|далеко)",
        r"\bкогда\b|\bв каком году\b|\bкакого числа\b",
        r"\bкто\b|\bкого\b",
    ),
    "ar": (r"\bكم\b|\bبكم\b", r"\bمتى\b"),
    "zh": (r"多少|几|幾|多[久长長大高远遠]", r"什么时候|什麼時候|何时|何時|几点|哪[一]?年"),
    "ja": (r"いくら|いくつ|何[人円個冊枚回分日年本時%％度]|どのくらい|どれくらい", r"いつ|何[時年月日]"),
    "ko": (r"얼마|몇", r"언제|몇 ?[시년월일]"),
    "th": (r"กี่|เท่าไ[หร]", r"เมื่อไ[หร]|เมื่อใด|กี่โมง|ปีใด|ปีไหน"),
}
_ASKS: Mapping[str, Mapping[Asked, re.Pattern[str]]] = {
    "en": {kind: re.compile(pattern) for kind, pattern in _ENGLISH.items()},
    **{
        language: {kind: re.compile(each) for kind, each in zip(_ENGLISH, patterns, strict=False)}
        for language, patterns in _OTHERS.items()
    },
}
_FIGURES = "\\d+|[一二三四五六七八九十百千万两半]+"
_ENGLISH_ANSWERS: Mapping[Asked, re.Pattern[str]] = {
    "number": re.compile(
        r"\d+|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundreds?"
        r"|thousands?|millions?|billions?|half|third|quarter|dozens?|once|twice|several|none|no|percent|first|single|both)\b",
        re.IGNORECASE,
    ),
    "date": re.compile(
        r"\b(?:1\d{3}|20\d\d)s?\b|\b\d{1,2}(?:st|nd|rd|th)[ -]centur|\b(?:BCE?|AD|CE)\b|centur(?:y|ies)|decade"
        r"|\b(?:January|February|March|April|June|July|August|September|October|November|December|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\b",
    ),
    "name": re.compile(r"(?<![.!?] )(?<!^)\b[A-Z][\w’'-]+"),
}
_OTHER_ANSWERS: Mapping[Asked, re.Pattern[str]] = {
    "number": re.compile(_FIGURES),
    "date": re.compile(_FIGURES),
    "name": re.compile(r"(?<![.!?] )(?<!^)\b[A-ZÀ-ÖØ-ÞĄ-ŽА-Я][\w’'-]+"),
}


@lru_cache(maxsize=1024)
def expected_answer(question: str, language: str) -> tuple[Asked, re.Pattern[str]] | None:
    """The kind of what a question in lower case asks for, and how to find it in a text; None when it asks neither."""
    answers = _ENGLISH_ANSWERS if language == "en" else _OTHER_ANSWERS
    found = (kind for kind, asks in _ASKS.get(language, {}).items() if asks.search(question))
    return next(((kind, answers[kind]) for kind in found), None)
