"""Texts that share nearly everything are found through a handful of indexed numbers."""

import random

from app.ingestion.domain.similarity import bands, resemblance, signature

SEED = 20261122
WORDS = [f"word{number}" for number in range(3_000)]


def article(generator: random.Random, length: int = 400) -> list[str]:
    return [generator.choice(WORDS) for _ in range(length)]


def test_the_same_text_resembles_itself_whatever_its_case_and_blanks() -> None:
    one = " ".join(article(random.Random(SEED)))
    assert resemblance(signature(one) or (), signature(one.upper().replace(" ", "\n")) or ()) == 1


def test_a_small_edit_is_found_and_another_text_is_not() -> None:
    generator = random.Random(SEED)
    for _ in range(20):
        words = article(generator)
        edited = [*words[:200], "new", *words[200:]]
        one, near, far = (signature(" ".join(each)) or () for each in (words, edited, article(generator)))
        assert resemblance(one, near) > 0.9
        assert set(bands(one)) & set(bands(near))
        assert resemblance(one, far) < 0.2


def test_short_texts_are_not_compared() -> None:
    assert signature("Refunds are paid within 14 days.") is None
