"""A minimal model that follows the instructions of its prompt."""

import re
from dataclasses import dataclass
from typing import Any

from app.inference.domain.grounding.extractive import best_sentences

_PASSAGES = re.compile(r"<passage n=\"(\d+)\"(?: \w+=\"[^\"]*\")*>\n(.+?)\n</passage\b", re.DOTALL)
_QUESTION = re.compile(r"<question\b[^>]*>\n(.*?)\n</question\b", re.DOTALL)


@dataclass(frozen=True)
class Shown:
    text: str
    score: float


def follow_prompt(body: dict[str, Any]) -> str:
    """If the prompt demands answers from the passages only, quote the best sentences and cite their passages. Otherwise
    quote the first sentence.
    """
    prompt = str(body["messages"][0]["content"])
    shown = "\n".join(str(message["content"]) for message in body["messages"][1:])
    passages = [text for _, text in _PASSAGES.findall(shown)]
    if not passages:
        return "There was nothing to read."
    if "Use only the numbered passages" not in prompt:
        return passages[0].split(". ")[0]
    question = _QUESTION.search(shown)
    ranked = [Shown(text, 1 / place) for place, text in enumerate(passages, 1)]
    quotes = best_sentences(question[1] if question else "", ranked, 3)
    return " ".join(f"{' '.join(quote.text.split())} [{quote.passage + 1}]" for quote in quotes) or "NO ANSWER"
