"""The search of the live release and the texts of its documents, the same for every way into the service."""

import asyncio
from dataclasses import dataclass, replace
from uuid import UUID

from app.core.clock import Deadline
from app.identity.domain import Principal
from app.releases.service import Environments
from app.retrieval.domain import Evidence, Passage, PublishedText, SearchParams
from app.retrieval.ports import PassageSearch
from app.retrieval.service.retrieval import Retrieval
from app.safety.domain.output_filter import OutputFilter

SEARCH_SECONDS = 10.0
OUTPUT = OutputFilter()


@dataclass(frozen=True)
class LiveSearch:
    """Secrets in what it returns are masked character by character, so that all offsets stay valid."""

    passages: PassageSearch
    retrieval: Retrieval
    environments: Environments

    async def search(self, caller: Principal, query: str, limit: int, corpus_version: int | None = None) -> Evidence:
        """The passages that the caller may read, best first, charged to the caller. Errors: as PassageSearch.search."""
        manifest = (await self.environments.resolve()).manifest
        evidence = await self.passages.search(
            caller,
            query,
            limit=limit,
            deadline=Deadline.after(SEARCH_SECONDS, self.retrieval.clock),
            corpus_version=corpus_version,
            index=await self.retrieval.indexes.for_release(manifest.index),
            params=SearchParams.of(manifest.retrieval),
            charge=True,
        )
        return replace(evidence, passages=tuple(map(_masked_passage, evidence.passages)))

    async def document(self, caller: Principal, document_id: UUID, version: int | None = None) -> PublishedText:
        """The published text of a document that the caller may find by a search.

        Errors: DocumentTextNotFound, DocumentVersionNotFound.
        """
        found = await self.retrieval.document_text(caller, document_id, version)
        return await asyncio.to_thread(_masked_text, found)


def _masked(text: str) -> str:
    return OUTPUT.masked(text, keep_length=True)


def _masked_passage(passage: Passage) -> Passage:
    headings = tuple(map(_masked, passage.headings))
    title, uri = _masked(passage.title), _masked(passage.uri)
    return replace(passage, text=_masked(passage.text), title=title, uri=uri, headings=headings)


def _masked_text(found: PublishedText) -> PublishedText:
    headings = tuple(replace(each, title=_masked(each.title)) for each in found.headings)
    title, uri = _masked(found.title), _masked(found.uri)
    return replace(found, text=_masked(found.text), title=title, uri=uri, headings=headings)
