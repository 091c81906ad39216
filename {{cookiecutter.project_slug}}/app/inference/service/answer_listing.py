"""Answers as those who watch the service see them: found by any of their ids, listed by what happened to them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.core.database import Database
from app.core.redaction import redact
from app.identity.domain import Principal
from app.identity.service import Identity
from app.inference import repository
from app.inference.domain.answer import AnswerNotFound
from app.inference.domain.answer_pages import (
    AnswerFilters,
    AnswerPage,
    AnswerPosition,
    ListedAnswer,
    merge_pages,
    stored_request_id,
)
from app.inference.domain.human_review import is_hidden_from
from app.releases.service import Releases

ALL_TENANTS_PERMISSION = "service:answers"


@dataclass(frozen=True)
class AnswerListing:
    """Lists of answers. With the permission service:answers those of every tenant, else those of the caller's own.

    Texts are in it only for a caller of that tenant who may read all documents of the answer now.
    """

    database: Database
    identity: Identity
    releases: Releases

    async def page(
        self,
        caller: Principal,
        filters: AnswerFilters,
        after: AnswerPosition | None = None,
        limit: int = 50,
        tenant: str | None = None,
    ) -> AnswerPage:
        """The newest first. after: `next` of the page before. tenant: the name of one; None for all that the caller
        may see. A page may be short, or empty, and have a next one.

        Errors: PermissionMissing, TenantNotFound, ReleaseNotFound.
        """
        if filters.release_id is not None:
            filters = replace(filters, release_id=(await self.releases.find(filters.release_id)).id)
        filters = replace(filters, request_id=stored_request_id(filters.request_id))
        tenants = await self._tenants(caller, tenant)
        pages = [await self._page_of(caller, each, filters, after, limit) for each in tenants]
        return merge_pages(pages, limit)

    async def find(self, caller: Principal, reference: str, tenant: str | None = None) -> Sequence[ListedAnswer]:
        """The answers with this answer id, trace id or request id, the newest first.

        Errors: AnswerNotFound, PermissionMissing, TenantNotFound.
        """
        for filters in _lookups(reference):
            if found := (await self.page(caller, filters, None, 100, tenant)).answers:
                return found
        raise AnswerNotFound(f"There is no answer with the answer id, trace id or request id {redact(reference)}.")

    async def _tenants(self, caller: Principal, tenant: str | None) -> list[UUID]:
        if tenant is None:
            whole = caller.may(ALL_TENANTS_PERMISSION)
            return await self.identity.tenant_ids() if whole else [caller.tenant_id]
        caller.require(ALL_TENANTS_PERMISSION)
        return [await self.identity.tenant(tenant)]

    async def _page_of(
        self, caller: Principal, tenant_id: UUID, filters: AnswerFilters, after: AnswerPosition | None, limit: int
    ) -> AnswerPage:
        async with self.database.read(tenant_id) as connection:
            rows, cut = await repository.list_answers(connection, tenant_id, filters, caller.groups, after, limit + 1)
        reads_texts = tenant_id == caller.tenant_id and caller.may("answers:read")
        answers = tuple(_listed(row, caller, reads_texts) for row in rows)
        if len(answers) > limit:
            return AnswerPage(answers[:limit], answers[limit - 1].position)
        return AnswerPage(answers, cut)


def _listed(row: repository.ListedRow, caller: Principal, reads_texts: bool) -> ListedAnswer:
    answer = row.answer
    hidden = is_hidden_from(caller, row.blind, row.asker_key, row.asker)
    shown = reads_texts and row.readable and not (hidden and row.timing == "before")
    return replace(
        answer,
        question=redact(answer.question) if shown and answer.question is not None else None,
        text=answer.text if shown else None,
        searched_for=answer.searched_for if shown else None,
        review_state=None if hidden else answer.review_state,
    )


def _lookups(reference: str) -> list[AnswerFilters]:
    by_text = [AnswerFilters(trace_id=reference.lower()), AnswerFilters(request_id=reference)]
    try:
        return [AnswerFilters(answer_id=UUID(reference)), *by_text]
    except ValueError:
        return by_text
