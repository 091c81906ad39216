"""Quality of extractive answers: SQuAD 2 through POST /v1/documents and POST /v1/answers.

Measures whether a gold answer occurs in the quoted sentences, how many answerable questions are refused, and how many
questions are refused over unrelated documents: the Cranfield abstracts, and other SQuAD articles.
Run with `python -m benchmarks.extractive_quality --data FOLDER`; FOLDER holds squad2/ and cranfield/. Ten minutes.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.wiring import State
from benchmarks.datasets import RankingSet, add_data, articles_of, cranfield
from benchmarks.harness import arguments_of, client_of, service, write
from benchmarks.measures import percentile
from benchmarks.retrieval_quality import ingest

SENTENCES = 3
OWN = "its_own_passages"
# Every third question is enough for the off-topic corpora.
OFF_TOPIC = 3


@dataclass(frozen=True)
class Question:
    """A question and its accepted answers. `half`: 0 for the articles that the ranker was fitted on."""

    question: str
    gold: Sequence[str]
    half: int


def questions_of(folder: Path | None) -> list[Question]:
    articles = articles_of(folder, "dev")
    fitted = set(sorted(article["title"] for article in articles)[::2])
    return [
        Question(each["question"], [gold["text"] for gold in each["answers"]], article["title"] not in fitted)
        for article in articles
        for paragraph in article["paragraphs"]
        for each in paragraph["qas"]
        if not each["is_impossible"]
    ]


def passages_of(folder: Path | None, *files: str) -> dict[str, str]:
    paragraphs = [
        paragraph["context"]
        for file in files
        for article in articles_of(folder, file)
        for paragraph in article["paragraphs"]
    ]
    return {f"passage-{number:04}.txt": text for number, text in enumerate(paragraphs)}


async def main(data: Path | None, short: bool) -> None:
    questions = questions_of(data)
    corpora = {
        OWN: passages_of(data, "dev", "distractors"),
        "cranfield": cranfield(data).passages,
        "other_articles": passages_of(data, "distractors"),
    }
    result: dict[str, Any] = {"questions": len(questions)}
    for embedder, label in (("none", "bm25"), ("minilm", "hybrid")):
        async with service(embedder=embedder) as state:
            result[label] = {
                name: await measure(state, name, passages, questions if name == OWN else questions[::OFF_TOPIC])
                for name, passages in corpora.items()
            }
        write("extractive_quality", result, short)


async def measure(
    state: State, corpus: str, passages: Mapping[str, str], questions: Sequence[Question]
) -> dict[str, Any]:
    async with client_of(state, corpus) as (client, _):
        await ingest(state, client, RankingSet(passages, []))
        answers, milliseconds = [], []
        for each in questions:
            start = time.perf_counter()
            answers.append(await ask(client, each.question))
            milliseconds.append((time.perf_counter() - start) * 1000)
    refused = statistics.mean(answer["status"] == "refused" for answer in answers)
    figures: dict[str, Any] = {"refused": round(refused, 4), "answer_ms_p50": round(percentile(milliseconds, 0.5), 2)}
    if corpus == OWN:
        extract = [answer["timings_ms"]["extract"] for answer in answers if "extract" in answer["timings_ms"]]
        figures["quoting_ms_p50"] = round(percentile(extract, 0.5), 2)
        for count in (1, SENTENCES):
            hits = [delivered(answer, each, count) for answer, each in zip(answers, questions, strict=True)]
            figures[f"gold_in_{count}"] = round(statistics.mean(hits), 4)
            unseen = [hit for hit, each in zip(hits, questions, strict=True) if each.half]
            figures[f"gold_in_{count}_of_articles_not_fitted_on"] = round(statistics.mean(unseen), 4)
    return figures


async def ask(client: httpx.AsyncClient, question: str) -> dict[str, Any]:
    reply = await client.post("/v1/answers", json={"question": question, "sentences": SENTENCES})
    reply.raise_for_status()
    answer: dict[str, Any] = reply.json()
    return answer


def delivered(answer: Mapping[str, Any], question: Question, count: int) -> bool:
    """Whether a gold answer occurs in the first `count` quoted sentences."""
    quotes = [citation["quote"].lower() for citation in answer["citations"][:count]]
    return any(gold.lower() in quote for gold in question.gold for quote in quotes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data(parser)
    options = arguments_of(parser)
    asyncio.run(main(options.data, options.short))
