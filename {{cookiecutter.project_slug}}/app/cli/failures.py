from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, err, out, with_caller
from app.core.reasons import check_reason
from app.evaluation.domain.cases import Case
from app.identity.domain import Principal
from app.monitoring.domain.failures.case_candidate import Expectation, VisibleCandidate
from app.monitoring.domain.failures.stored_pattern import PatternPage
from app.wiring import State

app = typer.Typer(help="Patterns of failures, and the evaluation cases that are made of them.")

Tenant = Annotated[str, typer.Option(help="Whose answers.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="An access group you hold; may be repeated.")]


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    tenant: Tenant = DEFAULT_TENANT,
    group: Groups = None,
    now: Annotated[bool, typer.Option("--now", help="Look for patterns first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Most to show.")] = 20,
) -> None:
    """Show the patterns of failures, the worst first, with what you may read of them."""
    if context.invoked_subcommand is not None:
        return

    async def work(state: State, caller: Principal) -> PatternPage:
        if now:
            await state.monitoring.failures.run(caller.tenant_id)
        return await state.monitoring.failures.page(caller, None, limit)

    page = with_caller(tenant, work, group)
    found = page.patterns
    if not found:
        looked = f"None were found at {page.looked_at:%Y-%m-%d %H:%M} UTC" if page.looked_at else "Nobody looked yet"
        out.print(f"{looked}. The worker looks for failures; --now looks at once.", highlight=False)
        return
    table = Table("pattern", "about", "reason", "goes to", "failures", "before", "harm")
    for each in found:
        pattern = each.stored.pattern
        about = ", ".join(each.terms) or ("different questions" if pattern.mixed else "")
        reason = f"{pattern.signature.reason} ({pattern.signature.step})"
        numbers = (str(pattern.failures), str(pattern.before), f"{pattern.harm:g}")
        table.add_row(str(each.stored.id), escape(about), escape(reason), pattern.responsible, *numbers)
    out.print(table)
    for each in found:
        for example in each.examples[:1]:
            out.print(f"{each.stored.rank}. {escape(example.question)}", style="dim", highlight=False)


@app.command()
def cases(
    pattern: Annotated[UUID, typer.Argument(help="The pattern's id, as 'app monitoring failures' lists it.")],
    reason: Annotated[str, typer.Option(help="Why these questions should be cases; for the audit log.")],
    count: Annotated[int, typer.Option(min=1, max=20, help="The most questions.")] = 3,
    tenant: Tenant = DEFAULT_TENANT,
    group: Groups = None,
) -> None:
    """Propose the most typical questions of a pattern as evaluation cases."""
    why = check_reason(reason)
    found = with_caller(
        tenant, lambda state, caller: state.monitoring.cases.propose(caller, pattern, count, why), group
    )
    _print_candidates(found)


@app.command()
def candidates(
    tenant: Tenant = DEFAULT_TENANT,
    group: Groups = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most to show.")] = 50,
) -> None:
    """List the questions that are proposed as evaluation cases."""

    async def work(state: State, caller: Principal) -> Sequence[VisibleCandidate]:
        found, _ = await state.monitoring.cases.candidates(caller, None, limit)
        return found

    _print_candidates(with_caller(tenant, work, group))


@app.command()
def accept(
    answer_id: Annotated[UUID, typer.Argument(metavar="ANSWER", help="The answer that the candidate comes from.")],
    answer: Annotated[str | None, typer.Option(help="What would have been the right answer.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="The URI of a document that holds it; repeatable.")] = None,
    refuse: Annotated[bool, typer.Option("--refuse", help="A refusal would have been right.")] = False,
    tenant: Tenant = DEFAULT_TENANT,
    group: Groups = None,
) -> None:
    """Write a candidate into evals/golden.jsonl, with what would have been right."""

    async def work(state: State, caller: Principal) -> Case:
        expected = Expectation(answer, tuple(source or ()), refuse)
        return await state.monitoring.cases.accept(caller, answer_id, expected)

    case = with_caller(tenant, work, group)
    out.print(f"Case {case.id} stands in evals/golden.jsonl now.", highlight=False)


def _print_candidates(found: Sequence[VisibleCandidate]) -> None:
    if not found:
        out.print("Nothing is proposed.")
        return
    table = Table("answer", "question", "reason", "why")
    for each in found:
        candidate = each.candidate
        table.add_row(str(candidate.answer_id), *map(escape, (each.question[:80], candidate.reason, candidate.note)))
    out.print(table)
    err.print("app monitoring failures accept ANSWER --answer … | --source … | --refuse", highlight=False)
