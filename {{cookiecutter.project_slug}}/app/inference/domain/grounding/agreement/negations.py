"""What a sentence denies and its evidence affirms, or the other way round; least and greatest amounts likewise."""

from collections.abc import Sequence
from itertools import chain

from app.inference.domain.grounding.agreement.alignment import aligned, read, text_of
from app.inference.domain.grounding.agreement.clauses import Clause, clauses, concept
from app.inference.domain.grounding.agreement.disagreement import Disagreement
from app.inference.domain.grounding.agreement.opposites import opposed
from app.inference.domain.grounding.agreement.plain_words import listed
from app.inference.domain.grounding.agreement.quantities import equal

ENOUGH = 0.6
"""The part of a clause's words that the evidence must hold."""
NOT = frozenset(listed("no not never cannot nobody none nothing neither"))
_EXCEPTIONS = frozenset(["only", "except", "unless"])
_UNLESS = frozenset(listed("unless until without except before outside elsewhere otherwise"))
_PRICES = frozenset(map(concept, ("charge", "cost", "fee", "price", "pay")))
_FREE = frozenset(["free", "without"])
_ONLY = frozenset(["only"])
_EXCEPT = frozenset(["except", "apart"])
_DEMANDS = frozenset(["only", "must"])
_FORBIDS = frozenset(listed("can't cannot can"))
_TIMES_OF_YEAR = frozenset(
    listed(
        """
    spring summer autumn winter monday tuesday wednesday thursday friday saturday sunday mondays tuesdays wednesdays
    thursdays fridays saturdays sundays
    """
    )
)
_LASTING = frozenset(listed("to until till through"))
_ONLY_IF = frozenset(listed("only must need needs require requires required shall"))


def negations(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    known = read(passages)[0]
    foci = frozenset(chain.from_iterable(each.focus | each.flipped | each.lacked for each in known))
    claims = [each for each in clauses(sentence) if each.negated is not None]
    denied = [(claim, near) for claim in claims if (near := _denied(claim, passages, foci, known))]
    if not denied or _turned(claims, denied[0][1]):
        return None
    claim, near = denied[0]
    return Disagreement("negation", text_of(sentence, claim), ", ".join(sorted(near.words)))


def _denied(claim: Clause, passages: tuple[str, ...], foci: frozenset[str], known: Sequence[Clause]) -> Clause | None:
    for about in sorted((claim.focus | claim.flipped | claim.lacked | (claim.stems & foci)) - _beside(claim)):
        near = aligned(claim, passages, about, ENOUGH)
        if near and all(_denies(claim, each, about, known) for each in near):
            return near[0]
    return None


def _turned(claims: Sequence[Clause], near: Clause) -> bool:
    """ "Not if it is granted" is "only if it is not granted", and "unless it is granted"."""
    denied = any(each.negated for each in claims if not each.condition)
    cases = [each.stems for each in claims if each.condition]
    exception = near.sentence & _EXCEPTIONS - _ONLY and any(case and case <= near.around for case in cases)
    return bool(exception or (denied and near.condition and near.sentence & _ONLY))


def _beside(claim: Clause) -> frozenset[str]:
    """What a word such as "rejected" says of a thing, where something else is negated."""
    return claim.flipped - claim.focus if claim.negated else frozenset()


def _denies(claim: Clause, other: Clause, about: str, known: Sequence[Clause]) -> bool:
    if other.negated is None or claim.condition is not other.condition:
        # "What is not used is sold" says nothing of whether it is used.
        return False
    if "unlike" in other.words and "like" not in claim.words:
        # It is the other things that are affirmed.
        return False
    if _conditioned(claim, other, known):
        # "Who is late cannot borrow" says nothing of the others.
        return False
    no, yes = (claim, other) if claim.denies(about) else (other, claim)
    if yes.words & _DEMANDS and no.stems - yes.stems and (yes.words & _ONLY or no.words & _FORBIDS):
        # "Not by bus" is "only by train", or "must be by train".
        return False
    if no.negated and not yes.negated and opposed(no.words, yes.words):
        # "Not on" is "off".
        return False
    if (claim.sentence & _ONLY and other.sentence & _EXCEPT) or (other.sentence & _ONLY and claim.sentence & _EXCEPT):
        # "Only fixes" is "nothing, except fixes".
        return False
    if no.early and "after" in yes.words and no.early & yes.stems:
        # "Not before noon" is "after noon".
        return False
    if no.words & _TIMES_OF_YEAR - yes.sentence and yes.sentence & _LASTING:
        # "Not in winter" is "from April to October".
        return False
    if no.stems & _PRICES and yes.sentence & _FREE:
        return False
    if no.sentence & _UNLESS and no.sentence & NOT and yes.sentence & _ONLY_IF:
        # "Not without consent" is "consent is needed".
        return False
    if (claim.negated and other.lacked & claim.stems) or (other.negated and claim.lacked & other.stems):
        # "No costs are charged" is "without charge".
        return False
    if _elsewhere(claim, other, known):
        # "Use no strips" is not "use the meter", where strips are said to be unfit.
        return False
    if no is claim and about not in claim.lacked and no.stems - yes.stems and _EXCEPTIONS & (yes.sentence - yes.words):
        # "Not the user" is "only the others".
        return False
    if claim.early and other.early and not claim.early & other.early:
        # "Wait before you cut" is "do not cut before you have waited".
        return False
    # "Not of four hours or less" is "of more than four hours".
    beside = [each for each in known if each.around == other.around]
    return claim.denies(about) is not other.denies(about) and not _opposite_limits(claim, beside)


def _conditioned(claim: Clause, other: Clause, known: Sequence[Clause]) -> bool:
    """Whether the evidence speaks of a case that the claim does not name."""
    own = frozenset(map(concept, other.words))
    cases = [each.stems - own for each in known if each.around == other.around and each.condition]
    return not other.condition and any(cases) and not any(case & claim.around for case in cases)


def _elsewhere(claim: Clause, other: Clause, known: Sequence[Clause]) -> bool:
    """Whether what the clause has beside the other stands in the same sentence, affirmed or denied as the claim is. A
    part of the claim affirms nothing: of "snakes and dogs are forbidden" the snakes.
    """
    further = claim.stems - other.stems
    if not further or not other.stems - claim.stems:
        return False
    return any(
        each.around == other.around
        and each.negated is claim.negated
        and further & each.stems
        and (each.negated or each.stems - claim.stems)
        for each in known
    )


def _opposite_limits(claim: Clause, known: Sequence[Clause]) -> bool:
    return any(
        mine.side * theirs.side < 0 and equal(mine.quantity, theirs.quantity)
        for mine in claim.limits
        for each in known
        for theirs in each.limits
    )


def limits(sentence: str, passages: tuple[str, ...]) -> Disagreement | None:
    known = read(passages)[0]
    for claim in clauses(sentence):
        for mine in () if claim.condition else claim.limits:
            same = [(each, its.side) for each in known for its in each.limits if equal(mine.quantity, its.quantity)]
            if mine.side and same and all(side == -mine.side and each.negated is claim.negated for each, side in same):
                return Disagreement("scope", mine.quantity.words)
    return None
