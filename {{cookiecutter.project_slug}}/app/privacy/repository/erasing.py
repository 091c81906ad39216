"""Erases the rows of a store. Each function joins the caller's transaction and may be run again."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.privacy.domain.requests import ErasureScope
from app.privacy.domain.stores import Store
from app.privacy.repository.matching import belongs

_WITHOUT_NAMES = (
    "array(select case when each = any (cast(:names as text[])) or each ~* coalesce(cast(:pattern as text), 'a^') "
    "then cast(:pseudonym as text) else each end from unnest({}) each)"
)
_DECISIONS = "select coalesce(erase_review_decisions(array(select id from review_decisions where {rows})), 0)"
_REVIEWERS = """
    select coalesce(erase_reviewers(array(select id from review_decisions where tenant_id = :tenant
        and (reviewer = any (cast(:names as text[])) or (cast(:pattern as text) is not null
             and reviewer ~* cast(:pattern as text)))), :pseudonym), 0)
"""
_OF_REQUEST = """
    procrastinate_jobs where args->>'tenant_id' = cast(cast(:tenant as uuid) as text) and status <> 'doing'
      and (cast(:everything as boolean)
           or (cast(:pattern as text) is not null and args::text ~* cast(:pattern as text))
           or exists (select from unnest(cast(:documents as uuid[]) || cast(:answers as uuid[])
                                         || cast(:actions as uuid[]) || cast(:keys as uuid[])) id
                      where position(id::text in args::text) > 0))
"""
_JOBS = text(f"delete from {_OF_REQUEST}")  # noqa: S608
_COUNT_JOBS = text(f"select count(*) from {_OF_REQUEST}")  # noqa: S608
_JOBS_LEFT = text(
    """
    select count(*) from procrastinate_jobs where args->>'tenant_id' = cast(cast(:tenant as uuid) as text)
      and cast(:pattern as text) is not null and args::text ~* cast(:pattern as text)
    """
)


async def erase_rows(connection: AsyncConnection, store: Store, values: dict[str, Any]) -> int:
    """Replace the content of the rows that belong to the request, or delete them. Returns their number."""
    if store.erasing == "delete":
        statement = f"delete from {store.table} where {belongs(store)}"  # noqa: S608
    else:
        statement = f"update {store.table} set {store.assignments} where {belongs(store)}"  # noqa: S608
    return (await connection.execute(text(statement), values)).rowcount


async def erase_people(connection: AsyncConnection, store: Store, values: dict[str, Any]) -> int:
    """Replace the names of erased persons by their pseudonym, in rows that stay."""
    changed = 0
    for name, person in store.people.items():
        if person.form == "list":
            new = _WITHOUT_NAMES.format(name)
            which = f"{name} && cast(:names as text[]) or array_to_string({name}, ' ') ~* cast(:pattern as text)"
        else:
            new = "cast(:pseudonym as text)"
            which = f"{name} = any (cast(:names as text[])) or {name} ~* cast(:pattern as text)"
        statement = f"update {store.table} set {name} = {new} where tenant_id = :tenant and ({which})"  # noqa: S608
        changed += (await connection.execute(text(statement), values)).rowcount
    return changed


async def erase_decisions(connection: AsyncConnection, store: Store, values: dict[str, Any]) -> int:
    decided = await connection.execute(text(_DECISIONS.format(rows=belongs(store))), values)
    reviewers = await connection.execute(text(_REVIEWERS), values)
    return int(decided.scalar_one()) + int(reviewers.scalar_one())


async def delete_jobs(connection: AsyncConnection, values: dict[str, Any]) -> int:
    """Jobs that run at this moment are left: they end by themselves."""
    return (await connection.execute(_JOBS, values)).rowcount


async def count_jobs(connection: AsyncConnection, values: dict[str, Any]) -> int:
    """Those that `delete_jobs` would delete: one that ran while it did may wait for its next attempt."""
    return int((await connection.execute(_COUNT_JOBS, values)).scalar_one())


async def jobs_left(connection: AsyncConnection, values: dict[str, Any]) -> int:
    return int((await connection.execute(_JOBS_LEFT, values)).scalar_one())


_REPORTS = text(
    """
    select digest, content, sources from evaluation_reports
    where cast(:everything as boolean) or convert_from(content, 'UTF8') ~* coalesce(cast(:pattern as text), 'a^')
       or exists (select from unnest(cast(:documents as uuid[])) id where position(id::text in sources::text) > 0)
    """
)
_ERASE_REPORT = text("select erase_report(:digest, :content, now())")


async def find_reports(connection: AsyncConnection, values: dict[str, Any]) -> list[Any]:
    """Reports that may hold texts of the request, with the documents of each case."""
    return list((await connection.execute(_REPORTS, values)).all())


async def erase_report(connection: AsyncConnection, digest: str, content: bytes) -> None:
    await connection.execute(_ERASE_REPORT, {"digest": digest, "content": content})


def is_person(store: Store, scope: ErasureScope) -> bool:
    """Whether names of persons are to be replaced in this store."""
    return bool(store.people) and bool(scope.names or scope.pattern) and store.erasing in ("change", "delete")
