"""Inserts many chunks directly into the tables as their owner; publishing them one by one would take an hour."""

import random
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

import psycopg

from app.retrieval.domain import IndexRow, Vector
from benchmarks.datasets import RankingSet

SENTENCES = 5
NOISE = 0.05

RAW = "create temp table raw (id uuid, document uuid, body text, words text, groups text[], vector halfvec)"
STEPS = """
insert into indexed_documents
select document, %(tenant)s, 1, 'made up', 'bench', id::text, groups, false, body, '[]' from raw;
insert into chunks (id, tenant_id, index_number, document_id, appeared, document_version, ordinal, start_at, end_at,
                    headings, text)
select id, %(tenant)s, %(index)s, document, 1, 1, 0, 0, length(body), '{}', body from raw;
insert into chunk_terms (chunk_id, tenant_id, index_number, document_id, appeared, access_groups, keys, weights)
select id, %(tenant)s, %(index)s, document, 1, nullif(groups, '{}'),
       terms.keys || retrieval_readers(groups, retrieval_seed(%(tenant)s, %(index)s)), terms.weights
from raw, retrieval_bm25(%(config)s::regconfig, retrieval_seed(%(tenant)s, %(index)s), words, %(mean)s::real) terms;
insert into chunk_vectors (chunk_id, tenant_id, index_number, document_id, appeared, access_groups, embedding)
select id, %(tenant)s, %(index)s, document, 1, nullif(groups, '{}'), vector from raw where vector is not null;
insert into term_stats
select %(tenant)s, %(index)s, key, count(*), array[1], array[retrieval_step(count(*)::int)]
from chunk_terms t, unnest(t.keys) key
where t.tenant_id = %(tenant)s and t.index_number = %(index)s and key > 0 group by key;
insert into corpora values (%(tenant)s, 1) on conflict (tenant_id) do update set version = 1;
insert into corpus_versions select %(tenant)s, %(index)s, 1, count(*) from raw;
insert into access_counts select %(tenant)s, %(index)s, groups, count(*) from raw group by groups;
"""


@dataclass(frozen=True)
class GeneratedChunk:
    text: str
    vector: Vector | None
    groups: Sequence[str] = ()


class Maker:
    """Generates passages of five sampled sentences, with the mean of the vectors of their sources plus noise."""

    def __init__(self, source: RankingSet, vectors: Sequence[Vector], seed: int = 7) -> None:
        self.random = random.Random(seed)
        self.vectors = [vector.floats() for vector in vectors]
        texts = list(source.passages.values())
        texts = texts[: len(vectors)] if vectors else texts
        self.sentences = [
            (sentence, place)
            for place, text in enumerate(texts)
            for sentence in re.split(r"(?<=[.!?])\s+", text)
            if len(sentence) > 30
        ]

    def make(self, count: int, groups: Sequence[Sequence[str]] = ((),)) -> Iterator[GeneratedChunk]:
        for number in range(count):
            drawn = [self.random.choice(self.sentences) for _ in range(SENTENCES)]
            text = " ".join(sentence for sentence, _ in drawn)
            yield GeneratedChunk(text, self._vector([place for _, place in drawn]), groups[number % len(groups)])

    def _vector(self, places: Sequence[int]) -> Vector | None:
        if not self.vectors:
            return None
        gauss = self.random.gauss
        rows = [self.vectors[place] for place in places]
        return Vector.of([sum(column) + gauss(0, NOISE) for column in zip(*rows, strict=True)])


def load(
    owner_url: str, index: IndexRow, tenant_id: UUID, chunks: Iterator[GeneratedChunk], *, analyze: bool = True
) -> None:
    values = {
        "tenant": tenant_id,
        "index": index.number,
        "config": index.fingerprint.text_search,
        "mean": index.fingerprint.mean_length,
    }
    with psycopg.connect(owner_url, autocommit=True) as connection, psycopg.ClientCursor(connection) as client:
        with connection.transaction():
            connection.execute(RAW)
            with connection.cursor().copy("copy raw from stdin") as copy:
                for number, each in enumerate(chunks):
                    document = uuid5(tenant_id, str(number))
                    words = index.fingerprint.index_text(each.text)
                    row = (uuid5(document, "chunk"), document, each.text, words, list(each.groups), _text(each.vector))
                    copy.write_row(row)
            client.execute("select set_config('app.tenant_id', %s, true)", (str(tenant_id),))
            client.execute(STEPS, values)
            connection.execute("drop table raw")
        if analyze:
            connection.execute("vacuum analyze")


def _text(vector: Vector | None) -> str | None:
    if vector is None:
        return None
    floats = struct.unpack(f">{vector.dimensions}e", vector.halves)
    return "[" + ",".join(f"{value:.5f}" for value in floats) + "]"
