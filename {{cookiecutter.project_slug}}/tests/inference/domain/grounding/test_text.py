import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inference.domain.grounding.text import sentences


def cut(text: str) -> list[str]:
    return [text[s.start : s.end] for s in sentences(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Holm met Mr. Ek. They spoke.", ["Dr. Holm met Mr. Ek.", "They spoke."]),
        ("It cost 3.5 million. It fell.", ["It cost 3.5 million.", "It fell."]),
        ("J. R. R. Tolkien wrote it. It sold.", ["J. R. R. Tolkien wrote it.", "It sold."]),
        ("The U.S. Navy came. He left the U.S. The end.", ["The U.S. Navy came.", "He left the U.S.", "The end."]),
        ('He said "Go." She went.', ['He said "Go."', "She went."]),
        ("See e.g. the map (p. 4). Then go.", ["See e.g. the map (p. 4).", "Then go."]),
        ("# Title\nText here. More.\n\nNew one", ["# Title", "Text here.", "More.", "New one"]),
        ("- one\n- two\n- three", ["- one", "- two", "- three"]),
        ("| a | b |\n| 1 | 2 |", ["| a | b |", "| 1 | 2 |"]),
        (
            "A long line of wrapped text that goes on in the\nnext line. And ends.",
            ["A long line of wrapped text that goes on in the\nnext line.", "And ends."],
        ),
        ("Name: Holm\nBorn: 1840", ["Name: Holm", "Born: 1840"]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_sentences_are_split_as_a_reader_would(text: str, parts: list[str]) -> None:
    assert cut(text) == parts


@given(st.text(alphabet="aB .!?\n#-|1\"'(", max_size=200))
def test_every_word_is_in_exactly_one_sentence_in_order(text: str) -> None:
    spans = sentences(text)
    at = 0
    for span in spans:
        assert at <= span.start < span.end <= len(text)
        assert not text[at : span.start].strip()
        at = span.end
    assert not text[at:].strip()
