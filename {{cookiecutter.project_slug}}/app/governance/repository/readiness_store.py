"""Attestations, waivers and plans of readiness."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from app.governance.domain.readiness.statements import ReadinessStatement, StatementKind
from app.governance.tables import readiness_plans, readiness_statements

STATEMENT = readiness_statements.c
PLAN = readiness_plans.c


async def add_statement(connection: AsyncConnection, statement: ReadinessStatement) -> None:
    await connection.execute(insert(readiness_statements).values(asdict(statement)))


async def newest_statements(connection: AsyncConnection, kind: StatementKind) -> dict[str, ReadinessStatement]:
    """The newest statement of a kind by check, also one that has ended or withdraws another."""
    query = (
        select(readiness_statements)
        .ext(distinct_on(STATEMENT.check_id))
        .where(STATEMENT.kind == kind)
        .order_by(STATEMENT.check_id, STATEMENT.at.desc(), STATEMENT.id.desc())
    )
    return {row.check_id: ReadinessStatement(*row) for row in await connection.execute(query)}


async def add_plan(
    connection: AsyncConnection, plan_id: UUID, at: datetime, actor: str, statuses: Mapping[str, str]
) -> None:
    await connection.execute(insert(readiness_plans).values(id=plan_id, at=at, actor=actor, statuses=dict(statuses)))


async def first_and_last_plan(connection: AsyncConnection) -> tuple[datetime, datetime, dict[str, str]] | None:
    """When the first plan was written, when the last one, and the statuses in that one; None before the first."""
    first = await connection.scalar(select(PLAN.at).order_by(PLAN.at, PLAN.id).limit(1))
    query = select(PLAN.at, PLAN.statuses).order_by(PLAN.at.desc(), PLAN.id.desc()).limit(1)
    last = (await connection.execute(query)).first()
    return (first, last.at, dict(last.statuses)) if first and last else None
