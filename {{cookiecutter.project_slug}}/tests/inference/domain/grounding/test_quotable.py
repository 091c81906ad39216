"""Headings, code, headers of tables and markers of lists are not quoted as sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.languages.sentences import sentences
from app.inference.domain.grounding.extractive import best_sentences
from app.inference.domain.grounding.quotable import quotable
from tests.inference.domain.grounding.test_extractive import Text

RUN = "Start the pump with the handle."


def quoted(text: str) -> list[str]:
    """What may be quoted of each sentence, in order."""
    parts = (quotable(text, span.start, span.end) for span in sentences(text))
    return [text[part.start : part.end] for part in parts if part]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"# Start the pump\n\n{RUN}", [RUN]),
        (f"Start the pump\n==============\n\n{RUN}", [RUN]),
        (f"Start the pump\n---\n{RUN}", [RUN]),
        (f"{RUN}\n\n```sh\nstart the pump --now\n\nstart it.\n```\n\nWait.", [RUN, "Wait."]),
        (f"{RUN}\n\n~~~\nstart the pump\n~~~", [RUN]),
        (f"{RUN}\n\n```sh\nstart the pump", [RUN]),
        (f"start the pump --now\n```\n\n{RUN}", [RUN]),
        (
            f"- {RUN}\n* Wait.\n• Go on.\n2. Stop.\n(3) Rest.\n- [x] Done.",
            [RUN, "Wait.", "Go on.", "Stop.", "Rest.", "Done."],
        ),
        (f"> {RUN}", [RUN]),
        ("| pump | handle |\n|---|:-:|\n| one | red |\n| two | blue |", ["| one | red |", "| two | blue |"]),
        (f"{RUN}\n\npump | handle\none | red\ntwo | blue", [RUN, "one | red\ntwo | blue"]),
        ("one | red\ntwo | blue", ["one | red\ntwo | blue"]),
        ("Columns: pump, handle\npump: one; handle: red", ["pump: one; handle: red"]),
        (f"---\n\n***\n\n{RUN}", [RUN]),
        ("Pump: one\nHandle: red", ["Pump: one", "Handle: red"]),
        ("1.5 litres are enough. 2024 was dry.", ["1.5 litres are enough.", "2024 was dry."]),
        ("-5 degrees is the limit.", ["-5 degrees is the limit."]),
    ],
)
def test_only_sentences_items_and_rows_are_quoted(text: str, parts: list[str]) -> None:
    assert quoted(text) == parts


def test_a_line_that_reads_like_a_heading_is_quoted_only_where_nothing_better_is() -> None:
    title, question = "Starting the pump by its handle", "How is starting the pump by its handle done?"
    first, *_ = best_sentences(question, [Text(f"{title}\n\n{RUN}\n\nMore about pumps")])
    assert first.text == RUN
    (alone,) = best_sentences(question, [Text(f"{title}\n\n```\npump --start\n```")])
    assert alone.text == title


def test_one_sentence_answers_where_it_has_every_word_of_the_question() -> None:
    passage = Text(f"The pump is old. {RUN} Keep the handle dry. It is red.")
    assert [quote.text for quote in best_sentences("Start the pump with which handle?", [passage])] == [RUN]
    several = best_sentences("Where is the handle of the old pump kept?", [passage])
    assert len(several) > 1


@given(st.text(alphabet="aB .!?\n#-|1>`~*:", max_size=200))
def test_what_is_quoted_is_a_part_of_its_sentence(text: str) -> None:
    for span in sentences(text):
        if part := quotable(text, span.start, span.end):
            assert span.start <= part.start < part.end == span.end
