from typing import Annotated

import typer
from rich.markup import escape

from app.cli.common import DEFAULT_TENANT, WhoseDocuments, err, out, place_of, steps_of, with_caller
from app.core.clock import Deadline
from app.identity.domain import Principal
from app.retrieval.domain import Evidence
from app.wiring import State

SECONDS = 30.0
SHOWN = 300


def search(
    query: Annotated[str, typer.Argument(help="A question or some words.")],
    tenant: WhoseDocuments = DEFAULT_TENANT,
    limit: Annotated[int, typer.Option(min=1, max=50, help="Most passages to show.")] = 5,
    group: Annotated[list[str] | None, typer.Option(help="As this group sees it; may be repeated.")] = None,
    corpus_version: Annotated[int | None, typer.Option(min=0, help="Search the documents as they were then.")] = None,
) -> None:
    """Show the passages that a question finds, best first."""

    async def work(state: State, caller: Principal) -> Evidence:
        deadline = Deadline.after(SECONDS, state.clock)
        return await state.search.search(
            caller, query, limit=limit, deadline=deadline, corpus_version=corpus_version, charge=True
        )

    _show(with_caller(tenant, work, group))


def _show(evidence: Evidence) -> None:
    for number, passage in enumerate(evidence.passages, 1):
        where = place_of(passage.title, passage.headings)
        out.print(f"[bold]{number}. {escape(where)}[/bold]  {passage.score:.3f}", highlight=False)
        text = " ".join(passage.text.split())
        out.print(escape(text[:SHOWN] + ("…" if len(text) > SHOWN else "")), highlight=False)
        out.print(f"[dim]{escape(passage.uri)}, characters {passage.start} to {passage.end}[/dim]\n", highlight=False)
    if not evidence.passages:
        out.print("Nothing was found.")
    if evidence.degraded:
        err.print(f"Searched by words alone: {evidence.degraded}.")
    err.print(f"Index {evidence.index_number}, corpus version {evidence.corpus_version}; {steps_of(evidence.timings)}.")
