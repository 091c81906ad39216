"""A document is cut along its structure, and every chunk has its exact position in the text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.domain.chunking import Chunk, ChunkerParams, Heading, chunk, words

PARAMS = ChunkerParams()
SENTENCE = "The refund is paid to the card that was used for the order. "


def document(*sections: tuple[int, str, str]) -> tuple[str, list[Heading]]:
    text, headings = "", []
    for level, title, body in sections:
        headings.append(Heading(level, title, len(text)))
        text += f"{'#' * level} {title}\n\n{body}\n\n"
    return text, headings


def check(text: str, chunks: list[Chunk]) -> None:
    assert [c.ordinal for c in chunks] == list(range(len(chunks)))
    assert all(text[c.start : c.end] == c.text and c.text == c.text.strip() for c in chunks)
    assert all(a.end <= b.start for a, b in pairwise(chunks))


def test_a_short_text_is_one_chunk() -> None:
    for count in (1, 10, 20):
        text = SENTENCE * count
        assert [c.text for c in chunk(text, [], PARAMS)] == [text.strip()]


def test_a_long_text_is_cut_into_even_parts_between_sentences() -> None:
    text = SENTENCE * 100
    chunks = chunk(text, [], PARAMS)
    check(text, chunks)
    sizes = [words(c.text) for c in chunks]
    assert min(sizes) > 150
    assert max(sizes) < 250
    assert all(c.text.startswith("The refund") and c.text.endswith("order.") for c in chunks)


def test_each_chunk_has_the_headings_above_it() -> None:
    body = SENTENCE * 6
    text, headings = document((1, "Handbook", ""), (2, "Refunds", body), (3, "Cards", body), (2, "Returns", body))
    chunks = chunk(text, headings, PARAMS)
    check(text, chunks)
    assert [c.headings for c in chunks] == [
        ("Handbook", "Refunds"),
        ("Handbook", "Refunds", "Cards"),
        ("Handbook", "Returns"),
    ]
    assert all("#" not in c.text for c in chunks)


def test_small_sections_of_one_chapter_are_merged_with_their_titles() -> None:
    text, headings = document((1, "Glossary", ""), (2, "Chunk", "A passage."), (2, "Hold", "A reservation."))
    chunks = chunk(text, headings, PARAMS)
    check(text, chunks)
    assert len(chunks) == 1
    assert chunks[0].headings == ("Glossary",)
    assert "## Hold" in chunks[0].text


def test_chapters_are_never_merged() -> None:
    text, headings = document((1, "One", "Short."), (1, "Two", "Short too."))
    assert [c.headings for c in chunk(text, headings, PARAMS)] == [("One",), ("Two",)]


def test_a_heading_without_text_is_a_chunk() -> None:
    text, headings = document((1, "Opening hours", ""))
    assert [c.text for c in chunk(text, headings, PARAMS)] == ["# Opening hours"]


def test_rows_of_a_table_are_not_cut() -> None:
    rows = [f"| item {number} | costs {number} euros and is in stock |" for number in range(200)]
    chunks = chunk("\n".join(rows), [], PARAMS)
    assert [line for c in chunks for line in c.text.splitlines()] == rows


def test_a_code_block_is_cut_between_lines() -> None:
    code = "```\n" + "\n\n".join(f"call_{number}(alpha, beta. Gamma)" for number in range(300)) + "\n```"
    for piece in chunk("Before.\n\n" + code, [], PARAMS):
        assert all(line.endswith((")", "```", ".")) for line in piece.text.splitlines() if line)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["word " * 600_000, "x" * 3_000_000, SENTENCE * 50_000])
def test_a_line_of_three_megabytes_is_cut_without_loss(text: str) -> None:
    chunks = chunk(text, [], PARAMS)
    check(text, chunks)
    assert max(words(c.text) for c in chunks) <= PARAMS.whole
    assert "".join(c.text for c in chunks).replace(" ", "") == text.replace(" ", "")


def test_text_without_spaces_is_measured_by_its_length() -> None:
    text = "返金は注文に使われたカードに支払われます。" * 200
    chunks = chunk(text, [], PARAMS)
    check(text, chunks)
    assert len(chunks) > 1
    assert all(c.text.endswith("。") for c in chunks)


@given(
    st.lists(st.tuples(st.integers(1, 6), st.text(max_size=30), st.text(max_size=2000)), max_size=8),
    st.integers(20, 200),
)
def test_every_word_is_in_exactly_one_chunk_or_heading(sections: list[tuple[int, str, str]], target: int) -> None:
    text, headings = document(*sections)
    chunks = chunk(text, headings, ChunkerParams(target=target, whole=2 * target, small=10))
    check(text, chunks)
    outside = text
    for piece in reversed(chunks):
        outside = outside[: piece.start] + outside[piece.end :]
    titles = "".join(f"{'#' * heading.level} {heading.title}" for heading in headings)
    assert set(outside.split()) <= {*titles.split(), *text.split()}
    assert sum(map(len, outside.split())) <= len(titles) + sum(line.count("=") + line.count("-") for line in text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 0), ("one two\nthree", 3), ("word " * 10, 10), ("灯" * 80, 40), ("ข" * 80, 20), ("x" * 15, 1)],
)
def test_the_size_of_a_text_is_its_words_or_what_its_length_tells(text: str, size: int) -> None:
    assert words(text) == size


def test_the_line_under_a_heading_is_no_text() -> None:
    text = "Refunds\n=======\n\nWithin 14 days."
    assert [c.text for c in chunk(text, [Heading(1, "Refunds", 0)], PARAMS)] == ["Within 14 days."]


def test_a_heading_that_points_outside_of_the_text_is_passed_over() -> None:
    found = chunk("Within 14 days.", [Heading(1, "Gone", 900), Heading(1, "Before", -1)], PARAMS)
    assert [(c.text, c.headings) for c in found] == [("Within 14 days.", ())]


def test_text_before_the_first_heading_stands_under_none() -> None:
    text = f"{SENTENCE * 6}\n\n# Orders\n\n{SENTENCE * 6}"
    found = chunk(text, [Heading(1, "Orders", text.index("# Orders"))], PARAMS)
    assert [c.headings for c in found] == [(), ("Orders",)]


def test_headings_may_come_in_any_order_and_a_very_long_one_is_shortened() -> None:
    body = SENTENCE * 6
    text, headings = document((1, "One", body), (1, "x" * 500, body))
    found = chunk(text, headings[::-1], PARAMS)
    assert [c.headings for c in found] == [("One",), ("x" * 200,)]


@pytest.mark.parametrize(("sentences", "chunks"), [(1, 1), (2, 1), (3, 2)])
def test_only_a_section_too_small_to_stand_alone_is_joined(sentences: int, chunks: int) -> None:
    body = SENTENCE * sentences
    text, headings = document((1, "Orders", ""), (2, "Cards", body), (2, "Cash", SENTENCE * 4))
    assert len(chunk(text, headings, PARAMS)) == chunks


def test_a_long_list_is_cut_between_its_items() -> None:
    items = [f"- the lamp number {number} of the harbour is lit at dusk" for number in range(120)]
    found = chunk("\n".join(items), [], PARAMS)
    assert len(found) > 1
    assert [line for c in found for line in c.text.splitlines()] == items


def test_a_text_is_cut_between_paragraphs_where_it_has_them() -> None:
    paragraph = (SENTENCE * 5).strip()
    found = chunk("\n\n".join([paragraph] * 20), [], PARAMS)
    assert len(found) > 1
    assert all(c.text.replace("\n\n", "").replace(paragraph, "") == "" for c in found)


@given(st.integers(20, 200), st.integers(1, 60))
def test_no_chunk_is_larger_than_what_stays_whole(target: int, count: int) -> None:
    params = ChunkerParams(target=target, whole=target + target // 2, small=5)
    assert all(words(c.text) <= params.whole for c in chunk(SENTENCE * count, [], params))


def test_a_text_without_spaces_is_cut_between_sentences() -> None:
    sentence = "図書館は午前九時に開館します。"
    chunks = chunk(sentence * 60, [], PARAMS)
    check(sentence * 60, chunks)
    assert [words(c.text) <= PARAMS.whole and c.text.endswith("。") for c in chunks] == [True, True]


def test_a_text_without_spaces_or_sentences_is_cut_by_its_length() -> None:
    for letter, size in (("灯", 2), ("ข", 4), ("x", 8)):
        assert max(len(c.text) for c in chunk(letter * 4000, [], PARAMS)) in range(
            PARAMS.target * size // 2, PARAMS.whole * size + 1
        )


def test_an_index_of_before_is_cut_as_before() -> None:
    text = "図書館は午前九時に開館します。" * 60
    assert len(chunk(text, [], PARAMS, "structure-1")) == 1
    assert len(chunk(text, [], PARAMS, "structure-2")) == 2
