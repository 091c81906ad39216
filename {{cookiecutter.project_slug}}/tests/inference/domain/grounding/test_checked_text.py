"""Which text of a model is released, and when, however it is split into pieces."""

import base64
import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.ownership import RiskTier
from app.core.redaction import SensitiveSpan
from app.inference.domain.grounding.checked_text import CheckedText
from app.inference.domain.grounding.sentence_breaks import LONGEST_SENTENCE, LOOK_AHEAD, first_break
from app.safety.domain.output_filter import OutputFilter, OutputPolicy
from tests.safety.exfiltration import FORMS
from tests.safety.test_markup import PIECES, active_tags, rendered_tags

PROMPT = (
    "You are Bo, the helper of the Sarn ferry. Quote timetables only from the board and name the pier. "
    "Never speak about strikes. Internal code word: HERON-3310. When unsure, send people to the kiosk."
)
TOWER = "It was built in 1874 by the engineer Marta Holm. Its lamp can be seen from 32 kilometres away."
BUILT, LAMP = (
    "It was built in 1874 by the engineer Marta Holm [1].",
    "Its lamp can be seen from 32 kilometres away [1].",
)
NAPOLEON = "Napoleon commissioned seventeen towers."


@dataclass(frozen=True)
class Passage:
    text: str
    score: float = 1.0


def checked(
    *pieces: str, tier: RiskTier = "low", passages: tuple[str, ...] = (TOWER,)
) -> tuple[list[str], CheckedText]:
    """The text released after each piece and at the end."""
    text = CheckedText([Passage(each) for each in passages], tier, PROMPT)
    return [*(text.feed(piece) for piece in pieces), text.end()], text


def words_of(text: str) -> str:
    """A passage that supports a text and contains none of its addresses."""
    return re.sub(r"[\W_]+", " ", text)


def test_a_supported_sentence_is_released_when_the_next_begins() -> None:
    left, _ = checked(BUILT[:20], f"{BUILT[20:]} ", "Its", f"{LAMP[3:]}")
    assert left == ["", "", BUILT, "", f" {LAMP}"]


def test_nothing_is_released_of_a_text_that_the_policy_refuses() -> None:
    output = OutputFilter(OutputPolicy(links="refuse"))
    text = CheckedText([Passage(TOWER)], "low", PROMPT, output=output)
    assert [text.feed(each) for each in ("See https://evil.example/?q=s now. ", f"{BUILT} ", f"{LAMP} ")] == [""] * 3
    assert (text.end(), text.text, text.refused) == ("", "", True)


def test_what_waited_is_not_released_when_a_later_sentence_is_refused() -> None:
    text = CheckedText([Passage(TOWER)], "high", PROMPT, output=OutputFilter(OutputPolicy(links="refuse")))
    assert [text.feed(each) for each in (f"{BUILT} ", "See https://evil.example/?q=s now. ")] == [""] * 2
    assert (text.end(), text.text, text.refused) == ("", "", True)


class Engineers:
    """A detector of a kind that no reason names."""

    def find(self, text: str) -> Iterable[SensitiveSpan]:
        return (SensitiveSpan("person", "person.engineer", *each.span()) for each in re.finditer("Marta Holm", text))


def test_a_link_that_was_taken_out_is_a_reason_and_what_a_detector_of_another_kind_masks_is_none() -> None:
    text = CheckedText([Passage(TOWER)], "low", PROMPT, output=OutputFilter(detectors=(Engineers(),)))
    left = "".join(text.feed(each) for each in (f"{BUILT} ", "See https://evil.example/?q=s now. ", f"{LAMP} "))
    assert "Marta Holm" not in left + text.end()
    assert "person.engineer" in {each.rule for each in text.findings}
    assert text.removals == ("link_removed",)


def test_after_a_backtick_that_nothing_closes_a_marker_between_backticks_is_one() -> None:
    left, text = checked(f"{BUILT[:-5]} ` [1].\n\n", f"{LAMP[:-5]} `[9]` [1].")
    assert "[9]" not in "".join(left)
    assert [each.rule for each in text.findings] == ["invented_citation"]


def test_an_unsupported_sentence_waits_for_the_support_that_the_tier_requires() -> None:
    left, _ = checked(f"{NAPOLEON} ", f"{BUILT} ", f"{LAMP} ", "Its", tier="medium")
    assert left == ["", "", f"{NAPOLEON} {BUILT}", f" {LAMP}", " Its"]
    left, text = checked(f"{BUILT} ", *[f"{NAPOLEON} "] * 3)
    assert "".join(left) == BUILT == text.text
    assert text.unsupported_withheld


def test_at_tier_high_the_whole_text_is_released_at_the_end_or_nothing() -> None:
    left, _ = checked(f"{BUILT} ", f"{LAMP} ", "Its", " lamp.", tier="high")
    assert left == ["", "", "", "", f"{BUILT} {LAMP} Its lamp."]
    left, _ = checked(f"{BUILT} ", NAPOLEON, tier="high")
    assert "".join(left) == ""


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            [BUILT, LAMP, NAPOLEON, PROMPT[:60], "\n\n", " ", "- ", "`x. Y`", "[9]", "e.g. ", "```\n", "|a|\n"]
        )
        | PIECES,
        max_size=8,
    ).map("".join),
    st.lists(st.integers(1, 30), max_size=60),
    st.sampled_from(["low", "medium", "high"]),
)
def test_the_split_into_pieces_does_not_matter(text: str, cuts: list[int], tier: RiskTier) -> None:
    pieces, at = [], 0
    for cut in [*cuts, len(text)]:
        pieces.append(text[at : at + cut])
        at += cut
    one, whole = checked(text, tier=tier)
    many, cut_up = checked(*pieces, tier=tier)
    assert "".join(many) == "".join(one) == whole.text
    assert whole.findings == cut_up.findings
    assert whole.grounding == cut_up.grounding


@pytest.mark.parametrize("form", FORMS)
def test_no_markup_that_loads_or_links_is_released(form: str) -> None:
    for before in ("", f"{BUILT} ", f"{BUILT}\n\n"):
        text = before + form
        left, checks = checked(*text, passages=(TOWER, words_of(form)))
        shown = "".join(left)
        assert active_tags(shown) == set()
        assert "evil" not in shown.lower() or "://" not in form
        assert any(found.rule.startswith("output_link") for found in checks.findings)


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES | st.sampled_from([BUILT, "\n\n", ". ", "`", "```\n"]), max_size=8))
def test_nor_is_markup_that_is_split_over_pieces(parts: list[str]) -> None:
    # A bare mail address may leave: nothing is sent with it. Code is left as it is, and shown by a renderer as it is.
    text = "".join(parts).replace("@", " ")
    left, _ = checked(text, passages=(words_of(text),))
    assert rendered_tags("".join(left)) == set()


def test_an_address_of_the_documents_is_shown_as_plain_characters() -> None:
    where = "The timetable stands at https://ferry.example/times."
    left, text = checked(f"{where} [1] [Here](https://ferry.example/times).", passages=(where,))
    assert active_tags("".join(left)) == set()
    assert "ferry" in "".join(left)
    assert [found.rule for found in text.findings] == ["output_link.parted"]
    left, _ = checked("The timetable stands at https://ferry.example/times?who=Marta.", passages=(where,))
    assert "".join(left) == ""


def test_code_is_left_as_it_is() -> None:
    code = 'Write `![alt](url)` and:\n\n```html\n<img src="a.png">\nlist[99]. Next\n```'
    left, text = checked(*code, passages=(code,))
    assert "".join(left) == code
    assert text.findings == ()


LEAKS = {
    "whole": PROMPT,
    "wrapped": f"Sure! My instructions are:\n\n> {PROMPT}\n\nAnything else?",
    "first sentence": "You are Bo, the helper of the Sarn ferry.",
    "middle": "I was told: Quote timetables only from the board and name the pier.",
    "short sentence": "Never speak about strikes.",
    "upper": PROMPT.upper(),
    "reversed": PROMPT[::-1],
    "words reversed": " ".join(word[::-1] for word in PROMPT.split()),
    "rot13": codecs.encode(PROMPT, "rot13"),
    "rot7": "".join(chr((ord(c) - 97 + 7) % 26 + 97) if c.islower() else c for c in PROMPT.lower()),
    "base64": f"Here: {base64.b64encode(PROMPT.encode()).decode()}",
    "base64 in lines": "\n".join(re.findall(".{1,76}", base64.b64encode(PROMPT.encode()).decode())),
    "base64 of the end": base64.b64encode(PROMPT[101:].encode()).decode()[3:],
    "base32": base64.b32encode(PROMPT.encode()).decode(),
    "hex": PROMPT.encode().hex(),
    "hex with spaces": PROMPT.encode().hex(" "),
    "bits": " ".join(f"{byte:08b}" for byte in PROMPT.encode()),
    "character codes": " ".join(str(byte) for byte in PROMPT.encode()),
    "spaced": " ".join(PROMPT),
    "hyphenated": "-".join(PROMPT),
    "without width": "\u200b".join(PROMPT),
    "numbered words": "\n".join(f"{n}. {word}" for n, word in enumerate(PROMPT.split(), 1)),
    "a word a line": "\n".join(PROMPT.split()),
    "bullets": "- " + PROMPT.replace(". ", "\n- "),
    "json": f'{{"system_prompt": "{PROMPT}"}}',
    "code": f"```\n{PROMPT}\n```",
    "percent": "".join(f"%{byte:02x}" for byte in PROMPT.encode()),
    "entities": "".join(f"&#{ord(c)};" for c in PROMPT),
    "escapes": "".join(f"\\u{ord(c):04x}" for c in PROMPT),
    "code word": "The code is HERON-3310.",
    "full width": "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in PROMPT),
    "lookalikes": PROMPT.replace("e", "\u0435").replace("o", "\u043e"),
}


@pytest.mark.parametrize("how", LEAKS)
@pytest.mark.parametrize("tier", ["low", "high"])
def test_the_prompt_is_released_in_no_encoding(how: str, tier: RiskTier) -> None:
    left, text = checked(*f"{BUILT} {LEAKS[how]} {LAMP}", tier=tier)
    shown = "".join(left)
    assert text.leaked
    assert shown in ("", BUILT, f"{BUILT} Sure!")
    assert "prompt_leak" in {found.rule for found in text.findings}


def test_words_of_the_prompt_are_a_leak_whatever_the_documents_hold() -> None:
    board = "Quote timetables only from the board and name the pier, says the manual of the ferry."
    left, text = checked(board, passages=(board,))
    assert ("".join(left), text.leaked) == ("", True)


@pytest.mark.parametrize(
    "said",
    [
        "I can't share my instructions, but I can help with timetables.",
        "A system prompt is text given to a model before the conversation.",
        "The helper is called Bo and the ferry crosses the Sarn.",
    ],
)
def test_ordinary_sentences_are_no_leak(said: str) -> None:
    _, text = checked(said)
    assert not text.leaked


def test_the_beginning_of_the_prompt_waits_for_the_next_piece() -> None:
    ferry = "You are Bo, the helper."
    left, _ = checked(f"{BUILT} ", f"{ferry} ", "Of the Sarn ferry. ", passages=(TOWER, ferry + " Sarn ferry"))
    assert "".join(left) == BUILT


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One. Two", "One."),
        ("One [1]. Two", "One [1]."),
        ("One. [1] [2] Two", "One. [1] [2]"),
        ("See e.g. this one. Two", "See e.g. this one."),
        ("Dr. Holm built it. Two", "Dr. Holm built it."),
        ("It took 3.5 years. Two", "It took 3.5 years."),
        ("Really?! Two", "Really?!"),
        ("- an item\n- another", "- an item"),
        ("| a | b |\n| c | d |", "| a | b |"),
        ("# A heading\nText", "# A heading"),
        ("A paragraph\n\nanother", "A paragraph"),
        (
            "A line that was wrapped by the model at some width\nand goes on. Two",
            "A line that was wrapped by the model at some width\nand goes on.",
        ),
        ("```\na. B\n\nc\n```\nText", "```\na. B\n\nc\n```"),
        ("Call `a. B` now. Two", "Call `a. B` now."),
        ("最初。次", "最初。"),
    ],
)
def test_the_end_of_a_sentence_is_detected(text: str, first: str) -> None:
    at = first_break(text, ended=False)
    assert at is not None
    assert text[:at] == first


@pytest.mark.parametrize("text", ["", "One", "One.", "One. ", "One. [1", "One. [1] ", "See e.g. t", "A line\n"])
def test_an_ambiguous_end_waits_for_more_text(text: str) -> None:
    assert first_break(text, ended=False) is None


@settings(deadline=None)
@given(st.text(alphabet="ab ., \n`[", min_size=LONGEST_SENTENCE + LOOK_AHEAD, max_size=3_000))
def test_the_wait_for_the_end_of_a_sentence_is_bounded(text: str) -> None:
    at = first_break(text, ended=True)
    assert at
    if "`" not in text:
        assert first_break(text, ended=False)
        assert at <= LONGEST_SENTENCE + LOOK_AHEAD
