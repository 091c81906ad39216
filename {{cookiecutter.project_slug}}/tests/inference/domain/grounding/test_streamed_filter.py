"""The output filter gives a stream what it gives a whole text, wherever the model's text is cut into pieces."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.inference.domain.grounding.checked_text import CheckedText
from tests.safety.exfiltration import FORMS
from tests.safety.harmless_answers import HARMLESS
from tests.safety.outbound_forms import AROUND_THE_LIST, CARRIERS, DISGUISES, SECRETS, carried
from tests.safety.rendering import stray_tags
from tests.safety.test_output_filter import CANARY, OUTPUT, PROMPT, signs

APART = 6
"""Characters between two positions at which a sample is cut."""
BUILT = "It was built in 1874 by the engineer Marta Holm [1]."
SAMPLES = (
    *FORMS,
    *AROUND_THE_LIST,
    *map(carried, SECRETS),
    *(hide(SECRETS["AWS key id"]) for hide in DISGUISES.values()),
    *(hide(CANARY) for hide in DISGUISES.values()),
    PROMPT,
)


@dataclass(frozen=True)
class Passage:
    text: str
    score: float = 1.0


def released(pieces: list[str], words: str) -> tuple[str, tuple[str, ...]]:
    """The released text and the rules of the findings. words: what the evidence supports."""
    text = CheckedText([Passage(f"{BUILT} {words}")], "low", PROMPT, (), OUTPUT, CANARY)
    left = "".join([*map(text.feed, pieces), text.end()])
    return left, tuple(finding.rule for finding in text.findings)


def plain_words(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_a_sample_cut_anywhere_is_filtered_like_the_whole(part: int) -> None:
    """Sign by sign, and at every sixth position, of which each sample has others; nothing of it leaves in either."""
    for number, sample in enumerate(SAMPLES[part::10]):
        text, words = f"{BUILT} {sample}", plain_words(sample)
        whole = released([text], words)
        assert stray_tags(whole[0]) == []
        assert whole[1], sample
        assert released(list(text), words) == whole
        for at in range(len(BUILT) + number % APART, len(text), max(APART, len(sample) // 10)):
            assert released([text[:at], text[at:]], words) == whole, (sample, at)


@pytest.mark.parametrize("kind", SECRETS)
def test_no_piece_of_a_stream_holds_a_secret(kind: str) -> None:
    hidden = () if kind in CARRIERS else (hide(SECRETS[kind]) for hide in DISGUISES.values())
    for text in (carried(kind), *hidden):
        left, _ = released(list(f"{BUILT} {text}"), plain_words(text))
        assert SECRETS[kind] not in left
        assert signs(SECRETS[kind].splitlines()[0])[-14:] not in signs(left)


@pytest.mark.slow
def test_a_harmless_answer_streams_unchanged() -> None:
    for text in HARMLESS:
        said = f"{BUILT} {BUILT} {BUILT}\n\n" + re.sub(r"\[[2-9]\]", "[1]", text)
        left, found = released(list(said), said)
        assert left == said.strip(), said
        assert [rule for rule in found if rule != "unsupported_sentence"] == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([*SAMPLES[::7], BUILT, "\n\n", ". "]), max_size=4), st.lists(st.integers(1, 40)))
def test_several_samples_cut_at_random_are_filtered_like_the_whole(samples: list[str], cuts: list[int]) -> None:
    text, pieces, at = " ".join(samples), [], 0
    for cut in [*cuts, len(text)]:
        pieces.append(text[at : at + cut])
        at += cut
    words = plain_words(text)
    assert released(pieces, words) == released([text], words)
