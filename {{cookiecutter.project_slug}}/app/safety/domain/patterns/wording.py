"""Pieces that patterns of wordings are made of."""

from app.safety.domain.canonical import folded_words as words

__all__ = ["GAP", "few", "words"]

GAP = r"(?:[^\w.!?;]|_)+"
"""Between two words of one sentence."""


def few(most: int) -> str:
    """A gap with at most so many words in it."""
    return rf"(?:{GAP}[^\W_]+){{0,{most}}}?{GAP}"
