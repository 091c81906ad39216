"""Passages and evidence for tests of pure rules."""

from dataclasses import replace
from uuid import UUID

from app.retrieval.domain import Evidence, Passage

ONE = Passage(
    chunk_id=UUID(int=101),
    document_id=UUID(int=1),
    title="Lighthouse",
    source="files",
    uri="tower.md",
    headings=("History",),
    text="The lighthouse of Karlen was built in 1874 by Marta Holm. Its lamp reaches 32 kilometres.",
    start=40,
    end=129,
    score=1.0,
    bm25=8.0,
    dense=None,
    version=3,
)


def passage(number: int, text: str = ONE.text, title: str = ONE.title, headings: tuple[str, ...] = ()) -> Passage:
    """A passage of a document of its own."""
    return replace(
        ONE, chunk_id=UUID(int=100 + number), document_id=UUID(int=number), text=text, title=title, headings=headings
    )


def evidence(*passages: Passage, bm25: float = 8.0, possible: float = 10.0, degraded: str | None = None) -> Evidence:
    return Evidence(passages, UUID(int=9), 1, 1, None, bm25, possible, degraded=degraded)
