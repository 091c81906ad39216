from typing import Annotated, Any
from uuid import UUID

import orjson
import typer
from rich.markup import escape
from rich.panel import Panel
from rich.table import Column, Table

from app.cli.common import DEFAULT_TENANT, err, out, place_of, with_caller
from app.identity.domain import Principal
from app.inference.domain.human_review import EditRefused
from app.review.domain.items import DecisionResult, DecisionType, ReviewItem, SubmittedDecision
from app.review.repository import ReviewFilters
from app.wiring import State

app = typer.Typer(help="Human review of answers and actions.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="Whose answers.")]
Groups = Annotated[list[str] | None, typer.Option("--group", help="An access group you hold; may be repeated.")]

NOTHING = 3
LEVELS = ("", "urgent", "escalated")


@app.command("list")
def list_items(
    tenant: Tenant = DEFAULT_TENANT,
    group: Groups = None,
    state: Annotated[str, typer.Option(help="open, decided or expired.")] = "open",
    rule: Annotated[str | None, typer.Option(help="Only what this rule sent.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most to show.")] = 50,
) -> None:
    """Show the review items, the earliest due first."""
    table = Table(Column("item", no_wrap=True), "due (UTC)", "question", "status")
    filters = ReviewFilters(state=state, rule=rule)
    found = with_caller(tenant, lambda built, caller: built.reviews.queue.list(caller, filters, None, limit), group)
    for item in found:
        about = {"overlap": "blind", "action": "action"}.get(item.kind)
        kind = " ".join(filter(None, (item.timing, about, LEVELS[item.level])))
        status = item.outcome or (f"{kind}, claimed by {item.lease_by}" if item.lease_by else kind)
        cells = (f"{item.question[:60]} ({item.rule})", status)
        table.add_row(str(item.id), f"{item.due_at:%Y-%m-%d %H:%M}", *(escape(cell) for cell in cells))
    out.print(table if table.row_count else "Nothing is there.")


@app.command("next")
def take_next(tenant: Tenant = DEFAULT_TENANT, group: Groups = None) -> None:
    """Claim the earliest item that you may judge, and show it. Exit status 3: there is none."""
    item = with_caller(tenant, lambda state, caller: state.reviews.queue.next(caller), group)
    if item is None:
        out.print("Nothing waits that you may judge.")
        raise typer.Exit(NOTHING)
    show_item(item)


@app.command()
def decide(
    item: Annotated[UUID, typer.Argument(help="The item's id.")],
    decision: Annotated[DecisionType, typer.Argument(help="approve, edit, reject, request_changes or escalate.")],
    token: Annotated[int, typer.Option(help="The token that 'app review next' showed.")],
    sha256: Annotated[str, typer.Option(help="SHA-256 of what you read, or its first eight digits or more.")],
    reason: Annotated[str, typer.Option(help="Why; for the audit log.")],
    text: Annotated[
        str | None, typer.Option(help="With edit: the answer in your words, or all arguments of the action as JSON.")
    ] = None,
    tenant: Tenant = DEFAULT_TENANT,
    group: Groups = None,
) -> None:
    """Decide on an item that you have claimed. An approved answer leaves at once, an approved action runs."""

    async def work(state: State, caller: Principal) -> DecisionResult:
        current, _ = await state.reviews.queue.show(caller, item)
        digest = current.digest if len(sha256) >= 8 and current.digest.startswith(sha256) else sha256
        return await state.reviews.decisions.decide(
            caller, item, SubmittedDecision(decision, reason, token, current.version, digest, text)
        )

    if (decision == "edit") != (text is not None):
        raise EditRefused("--text goes with edit, and edit with --text.")
    result = with_caller(tenant, work, group)
    status = result.outcome or "still open: another decision is needed"
    out.print(f"The item is {status}.", highlight=False)


@app.command()
def agreement(tenant: Tenant = DEFAULT_TENANT) -> None:
    """Show how far reviewers agree on what two of them judged without knowing of each other."""
    result = with_caller(tenant, lambda state, caller: state.reviews.queue.agreement(caller))
    alpha = "is not known yet" if result.alpha is None else f"is {result.alpha:.3f}"
    out.print(f"{result.agreed} of {result.pairs} judged the same; Krippendorff's alpha {alpha}.", highlight=False)


def show_item(item: ReviewItem) -> None:
    out.print(Panel(escape(item.question), title="question", title_align="left"))
    payload: dict[str, Any] = orjson.loads(item.payload)
    grounded = show_action(payload) if item.kind == "action" else show_answer(payload)
    if item.note:
        out.print(f"Note: {escape(item.note)}", style="yellow", highlight=False)
    approvals = f"; {item.needed} people must approve" if item.needed > 1 else ""
    moment = "the run" if item.kind == "action" else "delivery"
    out.print(f"Rule {item.rule} ({item.timing} {moment}, {item.risk_tier} risk){grounded}{approvals}.")
    until = f"yours until {item.lease_until:%H:%M:%S}, " if item.lease_until else ""
    err.print(f"{until}due {item.due_at:%Y-%m-%d %H:%M} UTC", highlight=False)
    bound = f"--token {item.fence} --sha256 {item.digest[:12]}"
    err.print(f"app review decide {item.id} approve {bound} --reason …", highlight=False, soft_wrap=True)


def show_answer(answer: dict[str, Any]) -> str:
    out.print(Panel(escape(answer["text"]), title=f"answer by {escape(answer['model'])}", title_align="left"))
    for citation in answer["citations"]:
        where = place_of(citation["title"], citation["headings"])
        out.print(escape(f"[{citation['marker']}] {where} ({citation['uri'] or citation['source']})"), highlight=False)
        out.print(f"    “{escape(citation['quote'])}”", style="dim", highlight=False)
    for finding in answer["findings"]:
        out.print(f"Found: {escape(finding['rule'])}, {escape(finding['detail'])}.", style="yellow", highlight=False)
    confidence = "" if answer.get("confidence") is None else f", confidence {answer['confidence']:.2f}"
    return (
        ", grounded " + ("unknown" if answer["groundedness"] is None else f"{answer['groundedness']:.0%}") + confidence
    )


def show_action(action: dict[str, Any]) -> str:
    """Prints everything that an approval is bound to."""
    arguments = orjson.dumps(action["arguments"], option=orjson.OPT_INDENT_2).decode()
    title = f"{action['action']} ({action['risk']}) for {action['requester']['name']}"
    out.print(Panel(escape(arguments), title=escape(title), title_align="left"))
    bound = f"answer {action['answer_id']}, release {action['release_id'][:12]}, nonce {action['nonce']}"
    out.print(escape(bound), style="dim", highlight=False, soft_wrap=True)
    return ""
