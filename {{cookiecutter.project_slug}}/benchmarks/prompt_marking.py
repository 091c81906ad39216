"""What do ways of marking passages as data cost, in tokens and in words that can no longer be quoted?

Each section of docs/ is a passage, four to a prompt; tokens are those of the tokenizer of the bundled embedder. Ways:
the passages alone; in tags with a random mark, as the service does; with a mark before each line as well; with a mark
in place of every blank as well. quotable: the share of sentences that are in the prompt letter by letter, so that a
model can quote them. Run with `python -m benchmarks.prompt_marking`. Seconds.
"""

import argparse
from collections.abc import Callable, Sequence
from uuid import uuid4

from tokenizers import Tokenizer

from app.adapters.embeddings.weights import bundled_minilm
from app.core.ids import new_mark
from app.inference.domain.prompt import build_request
from app.retrieval.domain import Passage
from app.safety.domain.windows import windows_of
from benchmarks.harness import ROOT, arguments_of, write

AT_ONCE = 4
_CHARACTERS = 900
QUESTION = "How do I revoke a key?"


def passages_of(short: bool) -> list[str]:
    pages = sorted((ROOT / "docs").rglob("*.md"))[: 6 if short else None]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    return [text[at : at + _CHARACTERS] for text in texts for at in range(0, len(text), _CHARACTERS)]


def tagged(texts: Sequence[str]) -> str:
    shown = [_passage(text) for text in texts]
    return build_request("", QUESTION, shown, 1, None, mark=new_mark()).messages[1].content


def _passage(text: str) -> Passage:
    return Passage(uuid4(), uuid4(), "A page", "docs", "page.md", (), text, 0, len(text), 1.0, 1.0, None, 1)


def by_line(texts: Sequence[str]) -> str:
    mark = new_mark()
    return tagged([f"{mark}| " + text.replace("\n", f"\n{mark}| ") for text in texts])


WAYS: dict[str, Callable[[Sequence[str]], str]] = {
    "passages_alone": lambda texts: "\n".join(texts) + QUESTION,
    "tags_with_random_mark": tagged,
    "mark_before_each_line": by_line,
    "mark_between_words": lambda texts: tagged(["^".join(text.split()) for text in texts]),
}


def measured(texts: Sequence[str], way: Callable[[Sequence[str]], str], tokenizer: Tokenizer) -> tuple[int, int, int]:
    """Tokens, sentences, and sentences that can be quoted."""
    tokens = sentences = quotable = 0
    for at in range(0, len(texts), AT_ONCE):
        group = texts[at : at + AT_ONCE]
        prompt = way(group)
        tokens += len(tokenizer.encode(prompt).ids)
        for window in (each for text in group for each in windows_of(text) if not each.whole):
            sentences += 1
            quotable += window.text in prompt
    return tokens, sentences, quotable


def main() -> None:
    short = arguments_of(argparse.ArgumentParser(description=__doc__)).short
    tokenizer = Tokenizer.from_buffer(bundled_minilm().tokenizer)
    tokenizer.no_truncation()
    texts = passages_of(short)
    alone, _, _ = measured(texts, WAYS["passages_alone"], tokenizer)
    result = {}
    for name, way in WAYS.items():
        tokens, sentences, quotable = measured(texts, way, tokenizer)
        result[name] = {"tokens": round(tokens / alone, 3), "quotable": round(quotable / sentences, 3)}
    write(
        "prompt_marking",
        {"command": "python -m benchmarks.prompt_marking", "passages": len(texts), "beside_passages_alone": result},
        short,
    )


if __name__ == "__main__":
    main()
