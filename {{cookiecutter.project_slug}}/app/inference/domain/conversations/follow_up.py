"""Questions that cannot be searched for alone, and the rule that gives them their subject back without a model."""

import re
from collections.abc import Sequence

from app.core.languages.identification import UNKNOWN, language_of
from app.core.languages.words import asked_words, stem
from app.inference.domain.conversations.reference_words import REFERENCE_WORDS, UNSPACED_ANAPHORS, ReferenceWords
from app.inference.domain.conversations.turns import Turn

MAX_CHARACTERS = 600
"""The longest text that is searched for in place of a question."""
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+(?:[.,]\d+)*")
_NOUN_ONLY = re.compile(
    r"\W*(?:\w+ )?(?:what|which|how many|how much)(?: \w+)? (?:by|for|in|on|at|from|to|with)\b", re.IGNORECASE
)
_PARTS = re.compile("['’-]")
_HAS_ITS_OWN, _COMPLETE = 2, 3
_FEW_AFTER_OPENER, _FEW, _FRAGMENT, _UNSPACED_LETTERS = 3, 1, 2, 8
_SEPARATOR = " "
_NOMINAL = "one"
"""After a word of content it is no number but stands for a thing, as in "the red one"."""


def conversation_language(question: str, turns: Sequence[Turn]) -> str:
    """The language of the question, or else of the newest turn that shows one; English where none does."""
    texts = (question, *(turn.question for turn in reversed(turns)))
    return next((found for text in texts if (found := language_of(text)) != UNKNOWN), "en")


def needs_context(question: str, turns: Sequence[Turn]) -> bool:
    """Whether a question leaves out what it is about: it points to it, is a fragment, a correction or very short."""
    if not turns:
        return False
    language = conversation_language(question, turns)
    words = REFERENCE_WORDS.get(language)
    content = asked_words(question, language)
    if pattern := UNSPACED_ANAPHORS.get(language):
        opens = words is not None and bool(words.openers.match(question) or words.corrections.match(question))
        letters = sum(map(str.isalnum, question))
        return opens or letters <= _UNSPACED_LETTERS or bool(pattern.search(question))
    if words is None:
        return len(content) <= _FEW
    if words.corrections.match(question):
        return True
    if words.openers.match(question) and not _asks_fully(question, content, words):
        return len(content) <= _FEW_AFTER_OPENER or _points_back(question, content, words)
    if words.definition.match(question):
        return not content
    if _points_back(question, content, words):
        return True
    has_verb = _asks(question, words.verbs or words.asks)
    return len(content) <= _FEW or (len(content) <= _FRAGMENT and not has_verb) or _asks_by_noun(question, words)


def with_subject(question: str, turns: Sequence[Turn]) -> str:
    """The question behind the text that it leans on: the last question that stands alone, with what was added to it
    since, and for a pointer what the last answer was about. The question itself where it needs none.
    """
    if not needs_context(question, turns):
        return question
    *before, last = turns
    language = conversation_language(question, turns)
    earlier = last.searched_for or (with_subject(last.question, before) if last.question.strip() else "")
    own = _without_correction(question, language)
    subject = _missing_words(f"{earlier}{_SEPARATOR}{own}", last.headings, language)
    parts = [each for each in (_last_part(earlier, MAX_CHARACTERS // 2), own, subject) if each]
    return _SEPARATOR.join(parts)[:MAX_CHARACTERS].strip() or question


def _points_back(question: str, content: Sequence[str], words: ReferenceWords) -> bool:
    """Whether one of its words stands for something that the question itself has not named before it."""
    named: list[str] = []
    subjects, after_content = set(content), False
    for match in _WORD.finditer(question):
        word = match[0].casefold()
        is_content = not subjects.isdisjoint((word, *_PARTS.split(word)))
        if word in words.anaphors:
            has_its_own = len(content) >= _COMPLETE and _is_named(named, word, words)
            following = _WORD.search(question, match.end())
            next_parts = _PARTS.split(following[0].casefold()) if following else []
            is_article = word in words.articles and not (after_content and word == _NOMINAL)
            joins = word in words.relative and bool(named) and bool(following)
            if not (has_its_own or joins or (is_article and not subjects.isdisjoint(next_parts))):
                return True
        elif is_content:
            named.append(word)
        after_content = is_content
    return False


def _is_named(named: Sequence[str], anaphor: str, words: ReferenceWords) -> bool:
    """Whether the words before an anaphor are likely to hold what it stands for, by their number."""
    if anaphor in words.plural:
        return any(word.endswith("s") for word in named)
    if anaphor in words.singular:
        named = [word for word in named if not word.endswith("s")]
    return len(named) >= _HAS_ITS_OWN


def _asks(question: str, asks: frozenset[str]) -> bool:
    return any(match[0].casefold() in asks for match in _WORD.finditer(question))


def _asks_by_noun(question: str, words: ReferenceWords) -> bool:
    """As in "Which setting for the second one": a question without a verb."""
    return bool(words.verbs and _NOUN_ONLY.match(question) and not _asks(question, words.verbs))


def _asks_fully(question: str, content: Sequence[str], words: ReferenceWords) -> bool:
    """After an opener: a whole question with a subject of its own, as in "And what does the canteen cost?"."""
    return len(content) >= _HAS_ITS_OWN and _asks(words.openers.sub("", question, count=1), words.asks)


def _without_correction(question: str, language: str) -> str:
    words = REFERENCE_WORDS.get(language)
    return question if words is None else words.corrections.sub("", question, count=1).strip(" ,.:;-–") or question


def _last_part(text: str, most: int) -> str:
    return text if len(text) <= most else text[-most:].partition(" ")[2]


def _missing_words(known: str, headings: Sequence[str], language: str) -> str:
    """Words of the first heading, the title, that the texts do not have yet."""
    has = {stem(word, language) for word in asked_words(known, language)}
    title = headings[0] if headings else ""
    return " ".join(word for word in asked_words(title, language) if stem(word, language) not in has)
