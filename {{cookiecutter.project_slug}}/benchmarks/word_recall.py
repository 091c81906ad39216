"""Word recall of the parsers: the share of the words that a reader of a file sees that are in its text.

Every format has files that are made with known words, by the modules of `made_documents`. A file counts as refused when
no parser reads it, or when the words that its parser missed put it into quarantine.
Run with `python -m benchmarks.word_recall [--files 100]`. A minute.
"""

import argparse
import asyncio
import importlib
import pkgutil
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from app.adapters.parsers.pool import ParserPool
from app.adapters.parsers.word_loss import with_word_loss
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.ingestion.domain.policy import SourceRules
from benchmarks import made_documents
from benchmarks.harness import arguments_of, write
from benchmarks.made_documents import MadeDocument

FILES = 100
SEED = 20261129
LEAST = 0.97


@dataclass
class Tally:
    """refused: the reason of each file that is not published, by its name. recalls: of the others, by name."""

    refused: dict[str, str] = field(default_factory=dict)
    recalls: dict[str, float] = field(default_factory=dict)

    def result(self) -> dict[str, Any]:
        files = len(self.refused) + len(self.recalls)
        return {
            "files": files,
            "refused_share": round(len(self.refused) / files, 4),
            "recall_median": round(statistics.median(self.recalls.values()), 4),
            "recall_least": round(min(self.recalls.values()), 4),
            "published_below_least_wanted": sum(recall < LEAST for recall in self.recalls.values()),
        }


async def main(count: int) -> dict[str, Any]:
    pool = ParserPool()
    try:
        formats = {name: await tally(pool, make(count, SEED)) for name, make in makers().items()}
    finally:
        await pool.close()
    for name, each in formats.items():
        worst = sorted(each.recalls.items(), key=lambda pair: pair[1])[:3]
        print(name, *each.refused.items(), *(pair for pair in worst if pair[1] < 1), flush=True)
    return {"seed": SEED, "least_wanted": LEAST} | {name: each.result() for name, each in formats.items()}


def makers() -> dict[str, Any]:
    """The function of each format that makes its files."""
    names = (module.name for module in pkgutil.iter_modules(made_documents.__path__))
    modules = {name: importlib.import_module(f"{made_documents.__name__}.{name}") for name in names}
    return {name: module.make for name, module in modules.items() if hasattr(module, "make")}


async def tally(pool: ParserPool, files: Iterable[MadeDocument]) -> Tally:
    rules, result = SourceRules(), Tally()
    for file in files:
        try:
            document = await pool.parse(file.data, file.name)
        except Unparsable as error:
            result.refused[file.name] = error.code
            continue
        if document.loss is not None and document.loss.share > rules.max_lost_share:
            result.refused[file.name] = "lost_words"
        else:
            result.recalls[file.name] = recall(document.text, file.words)
    return result


def recall(text: str, words: str) -> float:
    """How many of the words are in the text, as often as they are in the file."""
    loss = with_word_loss(ParsedDocument("text", text), lambda: [("file", words)]).loss
    return 1 - loss.share if loss else 1.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=FILES, help="of each format")
    chosen = arguments_of(parser)
    write("word_recall", asyncio.run(main(3 if chosen.short else chosen.files)), chosen.short)
