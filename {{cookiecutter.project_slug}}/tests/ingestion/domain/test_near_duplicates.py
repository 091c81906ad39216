"""Signatures and bands of near duplicates."""

import base64
import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ingestion.domain.near_duplicates import BINS, MIN_WORDS, ROWS, bands, distinct_share, signature, similarity

SEED = 20261122
WORDS = [f"word{number}" for number in range(3_000)]


def article(generator: random.Random, length: int = 400) -> list[str]:
    return [generator.choice(WORDS) for _ in range(length)]


def test_case_and_white_space_do_not_change_the_signature() -> None:
    one = " ".join(article(random.Random(SEED)))
    assert similarity(signature(one) or (), signature(one.upper().replace(" ", "\n")) or ()) == 1


def test_a_small_edit_is_similar_and_another_text_is_not() -> None:
    generator = random.Random(SEED)
    for _ in range(20):
        words = article(generator)
        edited = [*words[:200], "new", *words[200:]]
        one, near, far = (signature(" ".join(each)) or () for each in (words, edited, article(generator)))
        assert similarity(one, near) > 0.9
        assert set(bands(one)) & set(bands(near))
        assert similarity(one, far) < 0.2


def test_short_texts_are_not_compared() -> None:
    assert signature("Refunds are paid within 14 days.") is None


REPEATED = {
    "one character": "a" * 200_000,
    "one word": "lamp " * 40_000,
    "one phrase": "the lamp is lit at dusk and put out at dawn\n" * 5_000,
    "lines of one word": "lamp\n\n" * 40_000,
    "signs": "." * 200_000,
    "blanks between": "lamp" + " " * 200_000,
    "without spaces": "灯火在黄昏点亮" * 40_000,
    "a long passage": " ".join(article(random.Random(1), 300)) * 200,
}


@pytest.mark.parametrize("text", REPEATED.values(), ids=REPEATED)
def test_a_repeated_text_has_a_low_distinct_share(text: str) -> None:
    assert distinct_share(text) < 0.01


def test_prose_tables_and_data_have_a_sufficient_distinct_share() -> None:
    generator = random.Random(SEED)
    assert distinct_share(" ".join(article(generator, 100_000))) > 0.8
    rows = (f"row {n}; {generator.choice(WORDS)}; yes; {generator.randint(1, 50)}" for n in range(20_000))
    assert distinct_share("\n".join(rows)) > 0.3
    assert distinct_share(base64.b64encode(generator.randbytes(300_000)).decode()) > 0.5
    assert distinct_share("".join(chr(generator.randint(0x4E00, 0x9FFF)) for _ in range(100_000))) > 0.3
    assert distinct_share("") == 1.0


LONG_TEXTS = st.lists(st.sampled_from(WORDS[:50]), min_size=MIN_WORDS, max_size=80).map(" ".join)


@settings(max_examples=50)
@given(LONG_TEXTS, LONG_TEXTS)
def test_likeness_is_mutual_and_a_text_shares_every_band_with_itself(one: str, other: str) -> None:
    first, second = signature(one) or (), signature(other) or ()
    assert similarity(first, second) == similarity(second, first)
    assert similarity(first, first) == 1
    assert bands(first) == bands(first)
    assert len(first) == BINS == ROWS * len(bands(first))


@given(st.lists(st.integers(0, 2**26), min_size=BINS, max_size=BINS), st.integers(0, BINS - 1))
def test_a_changed_bin_changes_its_band_and_no_other(values: list[int], place: int) -> None:
    changed = [*values[:place], values[place] + 1, *values[place + 1 :]]
    before, after = bands(tuple(values)), bands(tuple(changed))
    assert [number for number, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [
        place // ROWS
    ]


def test_a_key_of_a_band_fits_the_column_that_stores_it() -> None:
    keys = bands(signature(" ".join(article(random.Random(SEED)))) or ())
    assert all(-(2**31) <= key < 2**31 for key in keys)
    assert len(set(keys)) == len(keys)


def test_forty_words_are_enough_to_compare() -> None:
    assert signature(" ".join(WORDS[: MIN_WORDS - 1])) is None
    assert signature(" ".join(WORDS[:MIN_WORDS])) is not None


@pytest.mark.parametrize(("words", "digest"), [(45, 3601907606), (3_000, 3887555714)], ids=["with empty bins", "full"])
def test_stored_signatures_stay_comparable(words: int, digest: int) -> None:
    """They are stored with each document: another hash needs a migration of all of them."""
    assert zlib.crc32(repr(signature(" ".join(WORDS[:words]))).encode()) == digest


def test_of_a_very_long_text_the_first_words_are_compared() -> None:
    text = "lamp " * 200_000
    assert signature(text + " ".join(WORDS)) == signature(text)


def test_the_share_is_of_shingles_among_words_and_at_most_one() -> None:
    assert [distinct_share(" ".join(WORDS[:words])) for words in (1, 4, 10, 11, 20)] == [0.0, 1.0, 0.8, 8 / 11, 1.0]


@pytest.mark.parametrize(("length", "share"), [(60, 0.0), (61, 12 / 61)], ids=["a word", "no word"])
def test_a_text_of_words_of_more_than_sixty_characters_is_compressed(length: int, share: float) -> None:
    assert distinct_share("x" * length) == share


def test_what_compression_makes_longer_is_all_distinct() -> None:
    assert distinct_share("!?.") == 1.0
