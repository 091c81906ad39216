"""Quality of retrieval: SQuAD 2 and Cranfield through POST /v1/documents and POST /v1/search.

Run with `python -m benchmarks.retrieval_quality --data FOLDER`; FOLDER holds squad2/ and cranfield/. Ten minutes.
"""

import argparse
import asyncio
import statistics
from pathlib import Path
from typing import Any

import httpx

from app.wiring import State
from benchmarks.datasets import RankingSet, add_data, cranfield, squad2
from benchmarks.harness import arguments_of, client_of, service, work_off, write
from benchmarks.measures import ndcg, recall

UPLOAD = 50
DEPTH = 10


async def main(data: Path | None, only: str | None, short: bool) -> None:
    sets = {"squad2": squad2(data), "cranfield": cranfield(data)}
    result: dict[str, Any] = {}
    for embedder, label in (("none", "bm25"), ("minilm", "hybrid")):
        async with service(embedder=embedder) as state:
            for name, chosen in sets.items():
                if only in (None, name):
                    result.setdefault(name, {})[label] = await measure(state, name, chosen)
                    print(name, label, result[name][label], flush=True)
    write("retrieval_quality" + (f"_{only}" if only else ""), result, short)


async def measure(state: State, name: str, chosen: RankingSet) -> dict[str, Any]:
    async with client_of(state, name) as (client, _):
        published = await ingest(state, client, chosen)
        recalls, gains = [], []
        for question, judged in chosen.questions:
            ranked = await ask(client, question)
            recalls.append(recall(ranked, judged, DEPTH))
            gains.append(ndcg(ranked, judged, DEPTH))
    return {
        "passages": len(chosen.passages),
        "published": published,
        "questions": len(chosen.questions),
        "recall_at_10": round(statistics.mean(recalls), 4),
        "ndcg_at_10": round(statistics.mean(gains), 4),
    }


async def ingest(state: State, client: httpx.AsyncClient, chosen: RankingSet) -> int:
    items = list(chosen.passages.items())
    for start in range(0, len(items), UPLOAD):
        files = [("files", (name, text.encode())) for name, text in items[start : start + UPLOAD]]
        (await client.post("/v1/documents", files=files)).raise_for_status()
    await work_off(state)
    return int(sum(item["documents"] for item in (await client.get("/v1/indexes")).json()["items"]))


async def ask(client: httpx.AsyncClient, question: str) -> list[str]:
    """The documents, ranked by their best passage."""
    reply = await client.post("/v1/search", json={"query": question, "limit": DEPTH})
    reply.raise_for_status()
    return list(dict.fromkeys(passage["uri"] for passage in reply.json()["passages"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data(parser)
    parser.add_argument("--only", choices=["squad2", "cranfield"])
    options = arguments_of(parser)
    asyncio.run(main(options.data, options.only, options.short))
