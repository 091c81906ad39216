"""Recall at 10 with a filter that leaves 1 % of 50,000 chunks, and whether a result breaks the filter.

The reference scores every chunk that the caller may read, without an index, and fuses the two scores as documented.
Run with `python -m benchmarks.filtered_recall --data FOLDER`; FOLDER holds squad2/.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from app.core.clock import Deadline
from app.identity.domain import Principal
from app.retrieval.domain import IndexRow, Vector
from app.wiring import State
from benchmarks.bulk import Maker, load
from benchmarks.datasets import RankingSet, add_data, squad2
from benchmarks.harness import arguments_of, service, write
from benchmarks.search_scale import vectors

SIZE, SHARE, ASKED, DEPTH, SIDE = 50_000, 100, 100, 10, 50
ROUNDING = 1e-5

QUESTION = """
select '{' || string_agg(t.key || ':' || (t.freq * ln(1 + greatest(0, n - df + 0.5) / (df + 0.5)))::real, ',')
       || '}/1000000000'
from retrieval_terms('english', retrieval_seed(%(tenant)s, %(index)s), %(text)s) t
join term_stats s on s.tenant_id = %(tenant)s and s.index_number = %(index)s and s.key = t.key,
     lateral (select s.counts[cardinality(s.counts)] as df) d,
     (select chunks as n from corpus_versions where tenant_id = %(tenant)s and index_number = %(index)s
      order by version desc limit 1) c
"""
SCORES = """
select t.chunk_id, coalesce(-(t.weights <#> %(question)s::sparsevec), 0), -(v.embedding <#> %(vector)s::halfvec)
from chunk_terms t left join chunk_vectors v using (chunk_id)
where t.tenant_id = %(tenant)s and t.index_number = %(index)s and coalesce(t.access_groups, '{}') <@ %(groups)s::text[]
"""


async def main(data: Path | None, short: bool) -> None:
    source, size = squad2(data), SHARE * 2 if short else SIZE
    result: dict[str, Any] = {"chunks": size, "readable": size // SHARE}
    for embedder in ("none", "minilm"):
        label = "bm25" if embedder == "none" else "hybrid"
        async with service(embedder=embedder, log_level="WARNING") as state:
            result[label] = {
                "one_of_100_tenants": await by_tenant(state, source, size),
                "one_group_of_100": await by_group(state, source, size),
            }
            print(label, result[label], flush=True)
    write("filtered_recall", result, short)


async def by_tenant(state: State, source: RankingSet, size: int) -> dict[str, float]:
    index = await state.retrieval.indexes.live()
    maker = Maker(source, await vectors(state, source))
    tenants = [await state.identity.ensure_tenant(f"tenant-{number}") for number in range(SHARE)]
    for tenant_id in tenants:
        last = tenant_id == tenants[-1]
        await asyncio.to_thread(load, state.urls.owner, index, tenant_id, maker.make(size // SHARE), analyze=last)
    return await compare(state, index, source, tenants[SHARE // 2], [])


async def by_group(state: State, source: RankingSet, size: int) -> dict[str, float]:
    index = await state.retrieval.indexes.live()
    maker = Maker(source, await vectors(state, source))
    tenant_id = await state.identity.ensure_tenant("groups")
    groups = [[f"group-{number}"] for number in range(SHARE)]
    await asyncio.to_thread(load, state.urls.owner, index, tenant_id, maker.make(size, groups))
    return await compare(state, index, source, tenant_id, groups[3])


async def compare(
    state: State, index: IndexRow, source: RankingSet, tenant_id: UUID, groups: Sequence[str]
) -> dict[str, float]:
    caller = Principal(tenant_id, UUID(int=0), "bench", frozenset({"user"}), frozenset(groups))
    hits = relevant = foreign = 0
    with psycopg.connect(state.urls.owner, autocommit=True) as owner:
        for text, _ in source.questions[:: max(1, len(source.questions) // ASKED)]:
            deadline = Deadline.after(30, state.clock)
            evidence = await state.retrieval.search(caller, text, deadline=deadline, limit=DEPTH)
            vector = (await state.retrieval.query_embeddings.vector(tenant_id, index, text, deadline)).vector
            readable, scores = exact(owner, index, tenant_id, groups, text, vector)
            ranked = {passage.chunk_id for passage in evidence.passages}
            best = sorted(scores.values(), reverse=True)[:DEPTH]
            # Chunks with equal scores are interchangeable.
            hits += min(len(best), sum(1 for key in ranked if scores.get(key, 0.0) >= best[-1] - ROUNDING))
            relevant += len(best)
            foreign += len(ranked - readable)
    return {"recall_at_10": round(hits / relevant, 4), "foreign_rows": foreign, "questions": ASKED}


def exact(
    owner: psycopg.Connection[Any],
    index: IndexRow,
    tenant_id: UUID,
    groups: Sequence[str],
    text: str,
    vector: Vector | None,
) -> tuple[set[UUID], dict[UUID, float]]:
    """All chunks that the caller may read, and the scores of the matching ones."""
    scope = {"tenant": tenant_id, "index": index.number, "text": text, "groups": list(groups), "vector": vector}
    (question,) = owner.execute(QUESTION, scope).fetchone() or (None,)
    rows = owner.execute(SCORES, scope | {"question": question}).fetchall()
    words = {key: score for key, score, _ in rows}
    if vector is None:
        scores = {key: score for key, score in words.items() if score > 0}
    else:
        near = {key: score for key, _, score in rows}
        # A chunk with none of the words is not a match of the text search.
        sides = [sorted(side, key=lambda key: -side[key])[:SIDE] for side in (_positive(words), near)]
        both = set(sides[0]) | set(sides[1])
        scores = {key: 0.5 * _spread(words, both, key) + 0.5 * _spread(near, both, key) for key in both}
    return set(words), scores


def _positive(scores: dict[UUID, float]) -> dict[UUID, float]:
    return {key: score for key, score in scores.items() if score > 0}


def _spread(scores: dict[UUID, float], among: set[UUID], key: UUID) -> float:
    low, high = min(scores[k] for k in among), max(scores[k] for k in among)
    return (scores[key] - low) / (high - low) if high > low else 0.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_data(parser)
    options = arguments_of(parser)
    asyncio.run(main(options.data, options.short))
