"""The clauses of an English text: what each is about, whether it is negated, and which limits it sets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from app.core.languages.sentences import TextSpan, sentences
from app.core.languages.stop_words import ENGLISH
from app.core.languages.words import stem
from app.inference.domain.grounding.agreement.plain_words import CACHED_TEXTS, listed
from app.inference.domain.grounding.agreement.quantities import Quantity, figures, is_unit

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?")
_BREAK = re.compile(
    r"[;()—–|]|[,:](?!\s?\d)|\s-\s|\b(?:and(?!\s\d)|but|because|since|if|when|whenever|while|whereas|although|though|unless"
    r"|as long as|except|apart from|so|which|that|who|whoever|where|also)\b",
    re.IGNORECASE,
)
_ALL_BUT = re.compile(r"\b(?:every(?:where|one|body|thing)?|any(?:where|one|body|thing)?|all)(?: \w+)? \Z", re.I)
_PRONOUN = re.compile(r"(?:it|they|he|she|these|this|those)\b", re.IGNORECASE)
_UNIT_STOP = re.compile(r"(?:(?<=\d [A-Za-z])|(?<=\d[A-Za-z]))\.(?=\s+[A-Z])")
# What is worded with a negation and negates nothing, and what negates without one; of the same length.
_BEFOREHAND = r"(?= [\w-]+ \w+ (?:before|ahead|prior|in advance)\b)"
_GREATER = "more|longer|later|older|higher|larger|further|greater|heavier|faster|deeper|taller|wider|hotter"
_SMALLER = "less|fewer|shorter|earlier|smaller|lower|closer|nearer|lighter|slower|cooler|colder"
_NEGATED_VERB = re.compile(
    r"\b(?P<verb>can|may|must|will|should|shall|does|do|is|are)(?:n?'t| ?not) (?P<rest>(?:(?!not\b)[\w'-]+ ){0,3})"
    rf"(?:(?P<more>{_GREATER})|(?P<less>{_SMALLER})) than\b(?= (?:[\d€$£]|an?\b|one\b|t\w+\b|f\w+\b|[sen]\w+\b))",
    re.IGNORECASE,
)
_REWORDED = tuple(
    (re.compile(pattern, re.IGNORECASE), plain)
    for pattern, plain in (
        (rf"\b(?:no|not) later than{_BEFOREHAND}", "at least"),
        (rf"\b(?:no|not) (?:earlier|sooner) than{_BEFOREHAND}", "at most"),
        (r"\b(?:no|not|nor|never) (?:more|longer|later|older|higher|larger|further|greater) than\b", "at most"),
        (r"\b(?:no|not|never) (?:less|fewer|shorter|earlier|younger|smaller|lower) than\b", "at least"),
        (r"\b(?:nobody|no one|none|nothing) (?:but|except|other than)\b", "only"),
        (r"\bnot only\b|\bwhether or not\b|\bnot just\b|\bno matter\b", "only"),
        (r"\b(?:not|never) (?:\w+ ){0,3}?(?:anywhere|anything|anyone|anybody|otherwise) (?:but|except|than)\b", "only"),
        (r"\bstop(?= \w+ing\b)", "not"),
        (r"\bfree of charge\b", "without charge"),
        (r"\bfree (?:of|from)\b", "without"),
    )
)
_NEGATIONS = frozenset(
    listed(
        "not no never none nobody nothing neither nor cannot nowhere hardly rarely seldom prevent prevents prevented"
    )
)
_RULES = {
    "allow": ("permit allow", ""),
    "cover": ("cover include insure", ""),
    "safe": ("safe", "dangerous unsafe"),
    "require": ("compulsory mandatory obligatory require oblige need", "optional voluntary"),
    "accept": ("accept", "reject refuse"),
    "enable": ("enable", "disable"),
    "valid": ("valid", "void invalid"),
    "able": ("able", "unable"),
    "eligible": ("eligible", "ineligible"),
    "have": ("", "lack"),
}
_DENIALS = {
    stem(word): same
    for same, words in {
        "allow": "forbid forbidden prohibit ban bar block",
        "cover": "exclude",
        "possible": "impossible",
        "legal": "illegal",
    }.items()
    for word in words.split()
}
"""Words that negate what they are said of."""
_SAME_AS = {stem(word): same for same, (words, _) in _RULES.items() for word in words.split()} | _DENIALS
_NEGATED_AS = {stem(word): same for same, (_, words) in _RULES.items() for word in words.split()}
_POSSIBLE = stem("possible")
"""What is not possible stands behind it."""
_UN = re.compile(r"un(?!it|der|ti|i|less|ion)[a-z]{2,}(?:ed|able|en)$")
_GOES_ON = (",", "and", "also")
_PLACING = frozenset(
    listed(
        "in on at by for from with during after before to within among outside inside abroad above below beyond under "
        "over until since"
    )
)
"""What opens the setting of a sentence, which by itself affirms nothing."""
_VERBS = frozenset(listed("is are was were can may must will shall should has have do does did"))
_FUNCTION = frozenset(
    listed(
        "without until per must shall may can cannot never always every all any only also even still yet already there"
    )
)
_FUNCTION |= frozenset(listed("two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty"))
_FUNCTION |= frozenset(
    listed("at least most up than one get gets got go goes make made take takes taken took given gave give")
)

_LOOSE = r"\s+(?:the |about |around |age of |of )*\Z"
_UP_BEFORE = re.compile(
    r"\b(?:at least|minimum(?: of)?|more than|above|(?<=[a-z,)] )over|exceed(?:s|ing)?|(?:old|long|heavi|great|larg"
    rf"|high|furth|strong)er than|from|starting at|beyond){_LOOSE}",
    re.IGNORECASE,
)
_DOWN_BEFORE = re.compile(
    r"\b(?:at most|maximum(?: of)?|less than|fewer than|below|under|up to|(?:young|short|light|small|low)er than|within"
    rf"|limited to){_LOOSE}",
    re.IGNORECASE,
)
_UP_AFTER = re.compile(r"\s*(?:(?:or|and) (?:more|above|over|\w+er)\b|at least\b|at the earliest\b)", re.IGNORECASE)
_DOWN_AFTER = re.compile(
    r"\s*(?:(?:or|and) (?:less|fewer|younger|below|under|shorter|lower|smaller|lighter)\b"
    r"|at (?:the )?(?:most|latest)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class QuantityLimit:
    """side: 1 for at least or more than, -1 for at most or less than, 0 for no limit."""

    quantity: Quantity
    side: int


@dataclass(frozen=True, slots=True)
class Clause:
    """words: all of them. stems: of those with meaning. around: the stems of the whole sentence. sentence: its words.
    negated: None where that cannot be told. focus: what is negated. flipped: what a word such as "forbidden" negates by
    itself. lacked: what stands behind "without". early: what stands behind "before". condition: whether it only says
    of what or when the rest of the sentence speaks.
    """

    span: TextSpan
    words: frozenset[str]
    stems: frozenset[str]
    around: frozenset[str]
    sentence: frozenset[str]
    negated: bool | None
    focus: frozenset[str]
    flipped: frozenset[str]
    lacked: frozenset[str]
    early: frozenset[str]
    limits: tuple[QuantityLimit, ...]
    condition: bool

    def denies(self, about: str) -> bool:
        return about in self.lacked or bool(self.negated) is not (about in self.flipped)


@lru_cache(maxsize=50_000)
def concept(word: str) -> str:
    """The stem of a word, the same for words that say the same of a rule ("prohibited", "allowed"); nothing for a word
    without meaning of its own."""
    plain = word.removesuffix("'s")
    root = stem(plain)
    if known := _NEGATED_AS.get(root) or _SAME_AS.get(root):
        return known
    if plain.endswith("n't") or plain in ENGLISH or plain in _NEGATIONS or plain in _FUNCTION or _is_figure(plain):
        return ""
    return stem(plain[2:] if _UN.match(plain) else plain)


def _is_figure(word: str) -> bool:
    return word[0].isdigit() or is_unit(word.removesuffix("s"))


@lru_cache(maxsize=CACHED_TEXTS)
def clauses(text: str) -> tuple[Clause, ...]:
    plain = text.replace("’", "'")
    for pattern, other in _REWORDED:
        plain = pattern.sub(lambda found, other=other: other.ljust(len(found[0])), plain)  # type: ignore[misc]
    plain = _NEGATED_VERB.sub(_as_limit, plain)
    limits = tuple(_limits(plain))
    found: list[Clause] = []
    before: frozenset[str] = frozenset()
    for span in _sentences(plain):
        refers = _PRONOUN.match(plain, span.start)
        found += _of_sentence(plain, span, limits, before if refers else frozenset())
        before = (before if refers else frozenset()) | frozenset(_concepts(_words(plain[span.start : span.end])))
    return tuple(found)


def _as_limit(found: re.Match[str]) -> str:
    """ "Cannot take more than" is "can take at most"."""
    limit = "at most" if found["more"] else "at least"
    verb = found["verb"] if found["more"] or found["verb"].lower() not in ("may", "can") else "must"
    return f"{verb} {found['rest']}{limit}".ljust(len(found[0]))[: len(found[0])]


def _sentences(text: str) -> Iterator[TextSpan]:
    """Also behind a unit, which elsewhere is taken for the initial of a name."""
    for span in sentences(text):
        start = span.start
        for stop in _UNIT_STOP.finditer(text, span.start, span.end):
            yield TextSpan(start, stop.end())
            start = stop.end()
        yield TextSpan(start, span.end)


def _limits(text: str) -> Iterator[QuantityLimit]:
    for each in figures(text).quantities:
        before, after = text[max(0, each.start - 30) : each.start], text[each.start + len(each.words) :][:30]
        down = bool(_DOWN_BEFORE.search(before) or _DOWN_AFTER.match(after))
        up = not down and bool(_UP_BEFORE.search(before) or _UP_AFTER.match(after))
        yield QuantityLimit(each, up - down)


def _of_sentence(
    text: str, span: TextSpan, limits: tuple[QuantityLimit, ...], spoken_of: frozenset[str]
) -> Iterator[Clause]:
    """spoken_of: what a pronoun that it begins with may stand for."""
    whole = _words(text[span.start : span.end])
    around, sentence = frozenset(_concepts(whole)) | spoken_of, frozenset(whole)
    before: list[str] = []
    negated: bool | None = None
    setting = False
    for piece, opener in _pieces(text, span):
        words = _words(text[piece.start : piece.end])
        own, focus = _concepts(words), _focus(words)
        cues = sum(map(_negates, words)) - (words.count("nor") if "neither" in words else 0)
        if own:
            inherited = _inherited(words, own, before) if negated is False and cues else []
            focus = frozenset(inherited) if inherited and words[-1] == "not" else focus
            focus |= frozenset(own if opener in ("except", "apart from") else ())
            untold = negated is not False and not setting and before and not cues and opener in _GOES_ON
            negated = (
                None
                if untold and _VERBS.isdisjoint(words)
                else (cues + (opener in ("unless", "except", "apart from"))) % 2 == 1
            )
            before = own + inherited
            setting = text[piece.end : piece.end + 1] == "," and words[0] in _PLACING and _VERBS.isdisjoint(words)
            negated = None if setting else negated
        stems = frozenset(before if own else ())
        flipped = frozenset(same for word in words if (same := _NEGATED_AS.get(stem(word))))
        mine = tuple(each for each in limits if piece.start <= each.quantity.start < piece.end)
        if own or mine:
            yield Clause(
                piece,
                frozenset(words),
                stems,
                around,
                sentence,
                negated,
                focus,
                flipped,
                _lacked(words),
                _early(words),
                mine,
                _is_condition(opener, words),
            )


def _is_condition(opener: str, words: list[str]) -> bool:
    """Of a relative clause that which is denied at once: the rest of the sentence may follow in the same piece."""
    if opener in ("which", "that", "who", "whoever"):
        verbs = sum(word in _VERBS or word.endswith("n't") for word in words)
        return any(map(_negates, words[:2])) and verbs > 1
    return opener in ("if", "when", "whenever", "while", "as long as")


def _inherited(words: list[str], own: list[str], before: list[str]) -> list[str]:
    """What is left out because it stands in the clause before: "but not to others", "the others are not"."""
    cue = next(place for place, word in enumerate(words) if _negates(word))
    if len(own) > 2 and not _negates(words[-1]):
        return []
    if words[0] == "no" or (_concepts(words[:cue]) and _concepts(words[cue:])):
        return []
    return before[len(own) :] or before if _concepts(words[:cue]) else before


def _concepts(words: list[str]) -> list[str]:
    return list(filter(None, map(concept, words)))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _pieces(text: str, span: TextSpan) -> Iterator[tuple[TextSpan, str]]:
    start, opener = span.start, ""
    for found in _BREAK.finditer(text, span.start, span.end):
        if found.start() > start:
            yield TextSpan(start, found.start()), opener
        start, opener = found.end(), found[0].lower().strip()
        if opener == "but" and _ALL_BUT.search(text, span.start, found.start()):
            opener = "except"
    if span.end > start:
        yield TextSpan(start, span.end), opener


@lru_cache(maxsize=50_000)
def _negates(word: str) -> bool:
    return word in _NEGATIONS or word.endswith("n't") or bool(_UN.match(word)) or stem(word) in _DENIALS


def _lacked(words: list[str]) -> frozenset[str]:
    places = [place for place, word in enumerate(words) if word == "without"]
    return frozenset(concept for place in places for concept in _concepts(words[place:])[:1])


def _focus(words: list[str]) -> frozenset[str]:
    """The word behind each negation, or the one before it where none follows."""
    concepts = list(map(concept, words))
    found = []
    for place, word in enumerate(words):
        if _negates(word) and not _UN.match(word):
            before = list(filter(None, reversed(concepts[:place])))[:1]
            own = [concepts[place], *before] if concepts[place] else []
            behind = list(filter(None, concepts[place:]))
            found += own or behind[: None if behind[:1] == [_POSSIBLE] else 1] or before
    return frozenset(found)


def _early(words: list[str]) -> frozenset[str]:
    places = [place for place, word in enumerate(words) if word in ("before", "until")]
    return frozenset(_concepts(words[places[0] :])) if places else frozenset()
