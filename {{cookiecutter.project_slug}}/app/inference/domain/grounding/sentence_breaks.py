"""Sentence breaks in a text that is still being streamed."""

import re

from app.core.languages.sentences import (
    FIRST_WORD,
    FULL_STOP,
    LONGEST_THAI_CONJUNCTION,
    STRUCTURE,
    THAI_SPACE,
    is_abbreviation,
    is_thai_sentence,
    is_wrapped,
    last_word,
    needs_follower,
)

LONGEST_SENTENCE = 600
"""The longest sentence in characters; a longer one is cut at a clause, a word, or anywhere."""
LONGEST_CODE = 2_400
LOOK_AHEAD = 64

_CANDIDATE = re.compile(rf"(?:{FULL_STOP})(?:\[\d+\])*|{THAI_SPACE}|\n")
_CITED = re.compile(r"(?:[ \t]*[\[【][0-9,;\- †]{1,60}[\]】])+")
_CITED_SO_FAR = re.compile(r"(?:[ \t]*[\[【][0-9,;\- †]{1,60}[\]】])*[ \t]*(?:[\[【][0-9,;\- †]{0,60})?\Z")
_CLAUSE = re.compile(r"[,;:—–]\s")


def first_break(text: str, ended: bool, language: str = "en") -> int | None:
    """Where the first sentence of a text ends, including the citations after it; None while that is not known yet.

    A list item, a table row, a heading and a paragraph end like a sentence; a block of code is one. The result
    depends on the text alone, not on the pieces it arrived in. ended: the text is complete. language: of the text.
    """
    if not text:
        return None
    for match in _CANDIDATE.finditer(text):
        if match.start() >= LONGEST_CODE or (match.start() >= LONGEST_SENTENCE and not _in_code(text, match.start())):
            break
        if not text[: match.start()].strip() or _in_code(text, match.start(), match[0] == "\n"):
            continue
        ends = _ends(text, match, ended, language)
        if ends is None:
            # The text after it decides.
            return None
        if ends:
            return ends
    return _at_most(text, ended)


def _ends(text: str, stop: re.Match[str], ended: bool, language: str) -> int | None:
    """The end of the sentence; 0 when it continues, None while that is not known yet."""
    if stop[0] == "\n":
        return _line_ends(text, stop.start(), ended)
    if stop[0] != " ":
        return _sentence_ends(text, stop, ended, language)
    if not ended and len(text) - stop.end() < LONGEST_THAI_CONJUNCTION:
        return None
    return stop.end() * is_thai_sentence(text, 0, stop.start(), text[stop.end() :])


def _in_code(text: str, at: int, at_line_end: bool = False) -> bool:
    """Whether a code block or inline code is open at this offset."""
    if text.count("```", 0, at) % 2:
        return True
    return bool(text.count("`", 0, at) % 2) and not (at_line_end and text.startswith("\n\n", at))


def _sentence_ends(text: str, stop: re.Match[str], ended: bool, language: str) -> int | None:
    end = stop.end()
    ahead = text[end : end + LOOK_AHEAD]
    settled = ended or len(ahead) == LOOK_AHEAD
    blank = ahead[: len(ahead) - len(ahead.lstrip())]
    if blank.count("\n") > 1:
        return end
    if not settled and (blank == ahead or _CITED_SO_FAR.match(ahead)):
        return None
    cited = _CITED.match(ahead)
    end += cited.end() if cited else 0
    follows = ahead.lstrip()
    if not follows or cited:
        return end
    first = follows.lstrip("\"'“‘([")[:1]
    if not first and not settled:
        return None
    if first.islower():
        return 0
    if not stop.group().startswith("."):
        return end
    last = _is_last(text, stop, follows, settled, language)
    return None if last is None else end * last


def _is_last(text: str, stop: re.Match[str], follows: str, settled: bool, language: str) -> bool | None:
    """Whether the word before a full stop ends a sentence, so is no abbreviation; None while that is not known yet."""
    word, first = last_word(text, 0, stop.start()), FIRST_WORD.match(follows)
    cut_off = not settled and (first is None or first.end() == len(follows))
    if cut_off and needs_follower(word, language):
        return None
    return not is_abbreviation(word, first[1] if first else "", language)


def _line_ends(text: str, at: int, ended: bool) -> int | None:
    """As `_sentence_ends`, at the end of a line: a wrapped line continues; a new item, row or heading does not."""
    ahead = text[at : at + LOOK_AHEAD]
    follows = ahead.lstrip()
    if ahead[: len(ahead) - len(follows)].count("\n") > 1:
        return at
    settled = ended or len(ahead) == LOOK_AHEAD
    if not follows:
        return at if settled else None
    last = text[text.rfind("\n", 0, at) + 1 : at]
    if not is_wrapped(last, follows):
        return at
    if not settled and len(follows) < 8:
        return None
    return at if STRUCTURE.match(follows) else 0


def _at_most(text: str, ended: bool) -> int | None:
    most = LONGEST_CODE if _in_code(text, LONGEST_SENTENCE) else LONGEST_SENTENCE
    if ended and len(text) <= most:
        return len(text)
    return _cut(text, most) if ended or len(text) >= most + LOOK_AHEAD else None


def _cut(text: str, most: int) -> int:
    clauses = [match.end() for match in _CLAUSE.finditer(text, most // 2, most)]
    if clauses:
        return clauses[-1]
    word = max(text.rfind(" ", 1, most), text.rfind("\n", 1, most))
    return word if word > 0 else most
