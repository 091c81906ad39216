"""All and some, must and may, before and after, more and less, in a sentence and in its evidence."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from app.inference.domain.grounding.agreement.alignment import aligned, text_of
from app.inference.domain.grounding.agreement.clauses import Clause, clauses, concept
from app.inference.domain.grounding.agreement.disagreement import Disagreement
from app.inference.domain.grounding.agreement.negations import NOT
from app.inference.domain.grounding.agreement.opposites import OPENING, OPPOSITES, SWITCHED, stems_of
from app.inference.domain.grounding.agreement.plain_words import listed
from app.inference.domain.grounding.agreement.quantities import Quantity

_WHEN = re.compile(
    r"\b(before|prior to|by(?=\s+(?:\d|the end|noon|midnight))|until|after|following|since)\b"
    r"((?:\s+(?!and\b|or\b|but\b)[\w:'-]+){1,6})",
    re.IGNORECASE,
)
_BREAKS = re.compile(r"[.;:,!?\n](?!\d)|\b(?:and|but)\b")
_BETWEEN = re.compile(r"\bbetween ((?:[\w:'-]+ ){1,4}?)and ((?:the )?[\w:'-]+(?: [\w'-]+)?)", re.IGNORECASE)
_TURNED = frozenset(("before", "until", "after"))
_COMPARED = re.compile(r"\b(?:no|not|never) (?:later|earlier|sooner|more|less|fewer|longer) than\b")
_STAYS = re.compile(r"\b(?:wait|stay|remain|keep|kept|stand|locked|closed)\w*(?: [\w'-]+){0,3} \Z", re.IGNORECASE)
"""Before "until": what happens comes after."""
_DATING = re.compile(r"\b(?:from|of|dating|dated) \Z")
"""Before "before": then it says which, and not when."""
_EARLY = frozenset(("before", "prior to", "by", "until"))


def _moments(text: str) -> Iterator[tuple[bool, frozenset[str], str]]:
    """Whether something comes before, of what, and the words. "Not before" is "after", and so is "wait until"."""
    text = text.replace("’", "'")
    for found in _WHEN.finditer(text):
        if keys := _keys(found[2]):
            denied = found[1].lower() in _TURNED and _denied(text, found.start())
            denied = denied or (found[1].lower() == "until" and bool(_STAYS.search(text, 0, found.start())))
            yield (found[1].lower() in _EARLY) is not denied, keys, found[0]
    for found in _BETWEEN.finditer(text):
        start, end = _keys(found[1]), _keys(found[2])
        yield False, start | end, found[0]
        yield True, end, found[0]


def _keys(words: str) -> frozenset[str]:
    each = (concept(word) if word[0].isalpha() else word for word in words.lower().split())
    return frozenset(filter(None, each))


def _denied(text: str, at: int) -> bool:
    if _DATING.search(text, 0, at):
        return False
    clause = (_BREAKS.split(text[:at])[-1] + _BREAKS.split(text[at:])[0]).lower()
    clause = _COMPARED.sub("", clause)
    return "n't " in clause or not NOT.isdisjoint(clause.split())


def order(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    in_passages = [each for passage in passages for each in _moments(passage)]
    for early, keys, words in _moments(sentence):
        near = [(other, text) for other, known, text in in_passages if 2 * len(keys & known) >= len(keys)]
        if near and all(other is not early for other, _ in near):
            return Disagreement("scope", words, near[0][1])
    return None


_UNIVERSAL = frozenset(
    listed(
        """
    all always any anyone anybody anything everyone everybody everything whenever everywhere several every both whole
    entire
    """
    )
)
_ALL_THAT = re.compile(r"\ball (?:of )?(?:that|there|what|the rest|it|they)\b", re.IGNORECASE)
_INTERVAL = re.compile(
    r"\bevery (?:\w+ )?(?:hour|day|night|week|month|quarter|year|morning|evening|[a-z]+day)s?\b", re.IGNORECASE
)
_RESTRICT = frozenset(listed("only except unless solely exclusively apart without"))
_SOLELY = frozenset(["only", "solely", "exclusively"])
_ANY = frozenset(listed("anyone anybody everyone everybody any all every or"))
_ALLOWED = frozenset(listed("may can allowed permitted possible available"))
_PARTLY = frozenset(listed("mostly mainly usually largely partly"))
_CONSTANT = frozenset(["always"])
_CASES = frozenset(listed("if when whenever unless provided"))
_WHOLE = frozenset(listed("all always whole entire entirely every everybody everyone"))
_ALMOST = frozenset(listed("almost nearly virtually practically"))
_ALL_SHARES = 0.99
"""The least sum of shares that are the whole: three thirds may be written as 33 percent."""
_HOURS = frozenset(listed("noon midnight o'clock am pm m"))
_LASTING = frozenset(listed("from to until till between after before"))
_ONCE = frozenset(["once", "single"])
_MUST = frozenset(listed("must shall require requires required need needs obliged has have"))
_MAY = frozenset(["may", "optional", "optionally", "voluntary", "voluntarily"])


def scope(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    for claim in clauses(sentence):
        near = aligned(claim, passages)
        if near and _opposite(claim, near):
            return Disagreement("scope", text_of(sentence, claim), ", ".join(sorted(near[0].words)))
        if near and _elsewhere(claim, near):
            return Disagreement("scope", text_of(sentence, claim), ", ".join(sorted(near[0].words)))
        if near and (_wider(claim, near, sentence) or _stricter(claim, near) or _narrower(claim, near)):
            return Disagreement("scope", text_of(sentence, claim))
    return None


def _opposite(claim: Clause, near: Sequence[Clause]) -> bool:
    claimed, evidence, around = stems_of(claim.words), [stems_of(each.words) for each in near], stems_of(claim.sentence)
    together = claim.words.union(*(each.words for each in near))
    timed = any(":" in word or word in _HOURS for word in claim.words)
    timed = timed and (not together.isdisjoint(_LASTING) or len(claimed & OPENING) > 1)
    if any(each.negated is not claim.negated for each in near):
        return False
    whole = all(claim.stems <= each.stems for each in near)
    return any(
        (whole or mine not in SWITCHED)
        and claimed & mine
        and not around & theirs
        and not (timed and mine <= OPENING)
        and all(each & theirs and not each & mine for each in evidence)
        for mine, theirs in OPPOSITES
    )


def _wider(claim: Clause, near: Sequence[Clause], sentence: str) -> bool:
    """Whether it says "all" or "always" where the evidence sets a limit."""
    context = frozenset(chain.from_iterable(each.words for each in near))
    if claim.words & frozenset(["all", "always"]) and context & _PARTLY and not claim.words & _PARTLY:
        return True
    if claim.words & _WHOLE and not claim.negated and not claim.limits and _in_part(claim, near):
        return True
    if (
        claim.words & _CONSTANT
        and not claim.negated
        and not claim.sentence & _CASES
        and all(each.sentence & _CASES and not claim.around & _case_of(each) for each in near)
    ):
        return True
    if "several" in claim.words and context & _ONCE:
        return True
    sentence_words = frozenset(chain.from_iterable(each.words for each in clauses(sentence)))
    vague = ["every"] * bool(_INTERVAL.search(sentence)) + ["all"] * bool(_ALL_THAT.search(sentence))
    universal = claim.words & _UNIVERSAL - frozenset(vague)
    if claim.negated or not universal or sentence_words & (_RESTRICT | NOT) or context & _UNIVERSAL:
        return False
    return any(each.sentence & _RESTRICT for each in near) or (_limited(near) and not _limited([claim]))


def _case_of(clause: Clause) -> frozenset[str]:
    """What the sentence says of when, in "if a parcel is damaged, photograph it"; what is said as "always photograph a
    damaged parcel" names it too."""
    return clause.stems if clause.condition else clause.around - clause.stems


def _in_part(claim: Clause, near: Sequence[Clause]) -> bool:
    """Whether each speaks of a share, and all together of less than the whole."""
    shares = [[share for each in clause.limits if (share := _share(each.quantity)) < 1] for clause in near]
    return not claim.words & _ALMOST and all(shares) and sum(chain.from_iterable(shares)) < _ALL_SHARES


def _share(quantity: Quantity) -> float:
    """1 where it is none."""
    if quantity.dimension == "percent":
        return quantity.value / 100
    return quantity.value if not quantity.dimension and quantity.value > 0 else 1.0


def _elsewhere(claim: Clause, near: Sequence[Clause]) -> bool:
    """Whether something is allowed in another place or case than the only one of the evidence."""
    if claim.negated or not claim.words & _ALLOWED or claim.sentence & (_RESTRICT | NOT):
        return False
    return all(
        each.words & _SOLELY
        and each.words & _ALLOWED
        and not each.negated
        # The same is allowed, of which neither says all.
        and claim.stems & each.stems
        and claim.stems - each.around
        and each.stems - claim.stems
        for each in near
    )


def _narrower(claim: Clause, near: Sequence[Clause]) -> bool:
    """Whether it says "only" where the evidence says "anyone" or sets no limit."""
    if claim.negated or not claim.words & _SOLELY:
        return False
    return all(each.sentence & _ANY and not each.sentence & (_RESTRICT | NOT) for each in near)


def _limited(clauses: Sequence[Clause]) -> bool:
    return any(limit.side for each in clauses for limit in each.limits)


def _stricter(claim: Clause, near: Sequence[Clause]) -> bool:
    """Whether it says "must" where the evidence says "may"."""
    demands = "must" in claim.words and not claim.negated
    return demands and all(each.words & _MAY and not each.words & _MUST and not each.negated for each in near)
