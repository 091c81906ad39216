from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.common import caller_at_the_command_line, local_moment, out, with_state
from app.costs.domain import CostTotal
from app.inference.domain.answer import AnswerStatus, RefusalReason
from app.inference.domain.answer_pages import AnswerFilters, Feedback, ListedAnswer
from app.wiring import State

app = typer.Typer(help="Answers: lists of them, and one by any of its ids.", no_args_is_help=True)

MICRO = 1_000_000
SHORT = 12
NO_TENANT = UUID(int=0)
"""Of a caller who sees the figures of all tenants and the texts of none."""
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]

Tenant = Annotated[str | None, typer.Option(help="Whose answers; without it those of all tenants.")]
Group = Annotated[list[str] | None, typer.Option("--group", help="An access group whose documents may be read.")]
Moment = Annotated[datetime | None, typer.Option(formats=FORMATS, help="In the time of this machine.")]


@app.command("list")
def list_answers(
    tenant: Tenant = None,
    since: Moment = None,
    until: Moment = None,
    release: Annotated[str | None, typer.Option(help="Number, id or its first digits.")] = None,
    arm: Annotated[str | None, typer.Option(help="live, control or canary.")] = None,
    status: Annotated[AnswerStatus | None, typer.Option(help="answered or refused.")] = None,
    reason: Annotated[RefusalReason | None, typer.Option(help="Why it was refused.")] = None,
    model: Annotated[str | None, typer.Option(help="The model that wrote it.")] = None,
    degraded: Annotated[bool | None, typer.Option("--degraded/--whole", help="Whether it fell back.")] = None,
    findings: Annotated[bool | None, typer.Option("--findings/--no-findings", help="Whether there were any.")] = None,
    feedback: Annotated[Feedback | None, typer.Option(help="The newest of any key.")] = None,
    min_usd: Annotated[float | None, typer.Option(min=0, help="Least cost in US dollars.")] = None,
    min_ms: Annotated[float | None, typer.Option(min=0, help="Least time in milliseconds.")] = None,
    key: Annotated[UUID | None, typer.Option(help="Id of the key that asked.")] = None,
    trace: Annotated[str | None, typer.Option(help="Trace id.")] = None,
    request: Annotated[str | None, typer.Option(help="Request id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 30,
) -> None:
    """Show answers, the newest first, without their texts."""
    filters = AnswerFilters(
        since=local_moment(since) if since else None,
        until=local_moment(until) if until else None,
        release_id=release,
        arm=arm,
        status=status,
        reason=reason,
        model=model,
        degraded=degraded,
        findings=findings,
        feedback=feedback,
        min_cost_micro_usd=None if min_usd is None else round(min_usd * MICRO),
        min_latency_ms=min_ms,
        key_id=key,
        trace_id=trace,
        request_id=request,
    )
    out.print(_table(with_state(lambda state: _first(state, filters, tenant, limit))))


def _table(answers: Sequence[ListedAnswer]) -> Table:
    table = Table("answer", "when (UTC)", "status", "model", "release", "ms", "USD", "notes", box=None)
    table.columns[0].no_wrap = True
    for answer in answers:
        figures = ("" if answer.latency_ms is None else f"{answer.latency_ms:.0f}", _usd(answer))
        table.add_row(
            str(answer.id),
            f"{answer.created_at:%Y-%m-%d %H:%M:%S}",
            answer.refusal or answer.status,
            escape(answer.model),
            answer.release_id[:SHORT],
            *figures,
            escape(_notes(answer)),
        )
    return table


async def _first(state: State, filters: AnswerFilters, tenant: str | None, limit: int) -> list[ListedAnswer]:
    """The first answers that fulfil the filters, from as many pages as it takes."""
    caller, found = caller_at_the_command_line(NO_TENANT), list[ListedAnswer]()
    page = await state.answer_listing.page(caller, filters, None, limit, tenant)
    found.extend(page.answers)
    while page.next and len(found) < limit:
        page = await state.answer_listing.page(caller, filters, page.next, limit - len(found), tenant)
        found.extend(page.answers)
    return found


def _notes(answer: ListedAnswer) -> str:
    notes = {
        answer.arm: answer.arm != "live",
        "degraded": answer.degraded,
        f"findings: {answer.findings}": answer.findings > 0,
        "helpful": answer.helpful is True,
        "unhelpful": answer.helpful is False,
        answer.review_state or "": answer.review_state in ("held", "rejected"),
    }
    return ", ".join(note for note, applies in notes.items() if applies)


def _usd(answer: ListedAnswer) -> str:
    return f"{answer.cost_micro_usd / MICRO:.6f}"


@app.command()
def show(
    reference: Annotated[str, typer.Argument(metavar="ID", help="An answer id, a trace id or a request id.")],
    tenant: Tenant = None,
    group: Group = None,
) -> None:
    """Show an answer by its answer id, trace id or request id: the other two, what it cost, and its text."""

    async def work(state: State) -> list[tuple[ListedAnswer, str, list[CostTotal]]]:
        caller = caller_at_the_command_line(NO_TENANT)
        found = await state.answer_listing.find(caller, reference, tenant)
        return [await _with_charges(state, each, group or ()) for each in found]

    for answer, name, charges in with_state(work):
        _print(answer, name, charges)


async def _with_charges(
    state: State, answer: ListedAnswer, groups: list[str] | tuple[str, ...]
) -> tuple[ListedAnswer, str, list[CostTotal]]:
    """The answer as somebody of its tenant with these groups sees it, the tenant's name, and its charges."""
    name = await state.identity.tenant_name(answer.tenant_id)
    caller = caller_at_the_command_line(answer.tenant_id, groups)
    [seen] = (await state.answer_listing.page(caller, AnswerFilters(answer_id=answer.id), None, 1, name)).answers
    return seen, name, await state.costs.of_subject(answer.tenant_id, answer.id)


def _print(answer: ListedAnswer, tenant: str, charges: list[CostTotal]) -> None:
    lines = {
        "answer": str(answer.id),
        "trace": answer.trace_id,
        "request": answer.request_id or "none",
        "tenant": tenant,
        "key": str(answer.key_id or "none"),
        "when": f"{answer.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "release": f"{answer.release_id} ({answer.environment}, {answer.arm})",
        "status": ", ".join(filter(None, (answer.status, answer.refusal))),
        "model": answer.model,
        "degraded": "; ".join(answer.reasons) or "no",
        "findings": str(answer.findings),
        "latency": "unknown" if answer.latency_ms is None else f"{answer.latency_ms:.1f} ms",
        "feedback": {None: "none", True: "helpful", False: "unhelpful"}[answer.helpful],
        "review": "none" if answer.review_id is None else f"{answer.review_id} ({answer.review_state})",
        "cost": f"{_usd(answer)} USD",
    }
    for name, value in lines.items():
        out.print(f"{name:<9} {escape(value)}", highlight=False, soft_wrap=True)
    for each in charges:
        tokens = f"{each.input_tokens:,} tokens in, {each.output_tokens:,} out"
        out.print(f"  {each.key}: {tokens}, {each.micro_usd / MICRO:.6f} USD", highlight=False, soft_wrap=True)
    if answer.question is None:
        out.print("Its text is only for who may read all of its documents now: see --group.")
        return
    searched = f"\nsearched for: {escape(answer.searched_for)}" if answer.searched_for else ""
    out.print(
        f"\n{escape(answer.question)}{searched}\n\n{escape(answer.text or 'No text was delivered.')}", highlight=False
    )
