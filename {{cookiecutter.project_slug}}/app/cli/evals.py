from collections.abc import Callable, Sequence
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, out, with_caller
from app.identity.domain import Principal
from app.review.domain.case_candidate import CaseCandidate
from app.safety.domain.privacy_policy import PrivacyPolicy
from app.wiring import State

app = typer.Typer(help="Cases of the evaluation.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="Whose answers.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="An access group you hold; may be repeated.")]


@app.command()
def candidates(tenant: Tenant = DEFAULT_TENANT, group: Groups = None) -> None:
    """List what reviewers edited or rejected and nobody has taken into evals/ yet."""

    async def work(state: State, caller: Principal) -> tuple[Sequence[CaseCandidate], Callable[[str], str]]:
        rules = state.policies.get(PrivacyPolicy).personal_data
        found = await state.reviews.golden_suite.candidates(caller)
        return found, rules.mask if rules.exports == "mask" else str

    table = Table("item", "was", "question", "release", "by", "why")
    found, mask = with_caller(tenant, work, group)
    for each in found:
        question, reason = mask(each.item.question)[:60], mask(each.reason)
        cells = (each.item.outcome or "", question, each.release_id[:12], each.reviewer, reason)
        table.add_row(str(each.item.id), *(escape(cell) for cell in cells))
    out.print(table if table.row_count else "There is none.")


@app.command()
def accept(
    item: Annotated[UUID, typer.Argument(help="The item's id, as 'app evals candidates' lists it.")],
    tenant: Tenant = DEFAULT_TENANT,
    group: Groups = None,
) -> None:
    """Write a candidate into evals/golden.jsonl. The documents it is asked of must be in evals/corpus.json."""
    case = with_caller(tenant, lambda state, caller: state.reviews.golden_suite.accept(caller, item), group)
    out.print(f"Case {case.id} stands in evals/golden.jsonl now.", highlight=False)
