from typing import Annotated

import typer
from rich.markup import escape

from app.cli.common import DEFAULT_TENANT, WhoseDocuments, actor, err, out, place_of, steps_of, with_caller
from app.identity.domain import Principal
from app.inference.domain.answer import Question
from app.inference.domain.human_review import HeldAnswer
from app.inference.service.delivery import Reply
from app.wiring import State

REFUSED = 3
HELD = 4


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    tenant: WhoseDocuments = DEFAULT_TENANT,
    group: Annotated[list[str] | None, typer.Option(help="Ask as a member of this group; may be repeated.")] = None,
    model: Annotated[str | None, typer.Option(help="One model of the chain, or 'extractive'.")] = None,
    release: Annotated[
        str | None, typer.Option(help="Try this release, live or not; nothing is stored but its cost. 'files': these.")
    ] = None,
    sentences: Annotated[int, typer.Option(min=1, max=10, help="Most sentences to quote when no model writes.")] = 3,
    action: Annotated[
        list[str] | None,
        typer.Option(help="What the model may propose to do, of 'app actions catalogue'; may be repeated."),
    ] = None,
    conversation: Annotated[
        str | None, typer.Option(help="A name of yours: the questions with it, and their answers, are the context.")
    ] = None,
) -> None:
    """Answer a question from the documents, with citations. Exit status 3: they hold no answer; 4: it waits for
    human review."""

    if action and release is not None:
        raise typer.BadParameter("a trial does nothing but answer; leave out --action or --release.")
    if conversation is not None and release is not None:
        raise typer.BadParameter("a trial is no turn of a conversation; leave out --conversation or --release.")

    async def work(state: State, caller: Principal) -> Reply:
        actions = tuple(action or ())
        request = Question(question, sentences=sentences, model=model, actions=actions, conversation=conversation)
        if release is None:
            assigned = await state.answers.assign(caller, None, conversation)
            return await state.answers.answer(caller, request, assigned=assigned)
        release_id = (await state.releases.create(actor())).id if release == "files" else release
        return (await state.trials.run(release_id, caller, request)).answer

    answer = with_caller(tenant, work, group)
    show_answer(answer)
    if isinstance(answer, HeldAnswer):
        raise typer.Exit(HELD)
    if answer.refusal:
        raise typer.Exit(REFUSED)


def show_answer(answer: Reply) -> None:
    if isinstance(answer, HeldAnswer):
        out.print(
            f"The answer waits for a person until {answer.due_at:%Y-%m-%d %H:%M} UTC: {answer.id}", highlight=False
        )
        return
    style = "yellow" if answer.refusal else "bold"
    out.print(f"[{style}]{escape(answer.text)}[/{style}]\n", highlight=False)
    for citation in answer.citations:
        where = place_of(citation.title, citation.headings)
        place = f"{citation.uri or citation.source}, characters {citation.start} to {citation.end}"
        out.print(f"[dim]{escape(f'[{citation.marker}]')} {escape(where)} ({escape(place)})[/dim]", highlight=False)
    for proposed in answer.actions:
        out.print(
            f"[cyan]{escape(proposed.action)}[/cyan] {proposed.state}: app actions show {proposed.id}", highlight=False
        )
    if answer.searched_for:
        err.print(f"Searched for: {escape(answer.searched_for)}", highlight=False)
    for reason in answer.reasons:
        err.print(f"Degraded: {escape(reason)}.", highlight=False)
    cost = f"{answer.cost_micro_usd / 1_000_000:.6f} USD"
    release, steps = answer.release_id[:12], steps_of(answer.timings_ms)
    err.print(f"By {escape(answer.model)}, {cost}, release {release}; {steps}.", highlight=False)
