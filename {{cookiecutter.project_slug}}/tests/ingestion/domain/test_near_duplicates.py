"""Signatures and bands of near duplicates."""

import base64
import random

import pytest

from app.ingestion.domain.near_duplicates import bands, distinct_share, signature, similarity

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
