from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from app.cli.common import caller_at_the_command_line, local_moment, out, with_state, write_or_print
from app.governance.domain.approval_rules import Emergency
from app.governance.domain.markdown_card import markdown
from app.governance.domain.model_card import ModelCard
from app.governance.service.html_card import html_card
from app.wiring import State

app = typer.Typer(help="Emergency activations, model card and risk register.", no_args_is_help=True)

ReleaseArgument = Annotated[
    str, typer.Argument(metavar="RELEASE", help="Its number, its id, or the first eight digits or more of the id.")
]
Reason = Annotated[str, typer.Option(help="Why; for the audit log.")]

NO_TENANT = UUID(int=0)
STYLES = {"missing": "red", "attention": "yellow", "checked by the build": "dim"}


def add_to_release(group: typer.Typer) -> None:
    for command in (approve, reject, approvals):
        group.command()(command)


def approve(
    release_id: ReleaseArgument,
    reason: Reason,
    report: Annotated[str | None, typer.Option(help="SHA-256 of the report you read; else the newest.")] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends; else as the policy says.")] = None,
) -> None:
    """Approve a release on its newest report. Nobody approves what they made themselves."""
    caller = caller_at_the_command_line(NO_TENANT)
    ends = local_moment(expires) if expires else None
    approval, lacking = with_state(
        lambda state: state.approvals.approve(caller, release_id, reason, report=report, expires=ends)
    )
    until = f"{approval.expires_at:%Y-%m-%d %H:%M} UTC" if approval.expires_at else "for ever"
    out.print(f"Approved by {escape(approval.approver)} until {until}, on report {(approval.report or '')[:12]}.")
    out.print(lacking or f"Let it go live with: app release activate {release_id} --reason …", highlight=False)


def reject(release_id: ReleaseArgument, reason: Reason) -> None:
    """End a release that is not live; only a new evaluation opens it again."""
    caller = caller_at_the_command_line(NO_TENANT)
    rejected = with_state(lambda state: state.approvals.reject(caller, release_id, reason))
    out.print(f"Release {rejected.number} is rejected.")


def approvals(release_id: ReleaseArgument) -> None:
    """Show who approved a release, and what it still lacks."""

    async def work(state: State) -> str:
        table = Table("when (UTC)", "who", "as", "what", "report", "until", "why")
        release = await state.releases.find(release_id)
        for each in await state.approvals.of_release(release.id):
            until = f"{each.expires_at:%Y-%m-%d %H:%M}" if each.expires_at else ""
            cells = (each.approver, each.role, each.kind, (each.report or "")[:12], until, each.reason)
            table.add_row(f"{each.at:%Y-%m-%d %H:%M:%S}", *(escape(cell) for cell in cells))
        out.print(table)
        return await state.approvals.lacking(release) or "No approval is missing: the release can be activated."

    out.print(with_state(work), highlight=False)


@app.command()
def show() -> None:
    """Show the risk register as of now, and the releases that went live without approval."""
    model_card = with_state(lambda state: state.governance.card())
    risks = Table("", "risk", "status", "evidence", "owner")
    for risk in model_card.risks:
        cells = (risk.risk, risk.standing, risk.found, risk.owner)
        risks.add_row(str(risk.number), *(escape(cell) for cell in cells), style=STYLES.get(risk.standing))
    out.print(risks)
    _show_emergencies(model_card.emergencies, model_card.at)


def _show_emergencies(emergencies: Sequence[Emergency], now: datetime) -> None:
    table = Table("id", "release", "when (UTC)", "who", "why", "review")
    for each in emergencies:
        review = f"due by {each.due:%Y-%m-%d %H:%M}"
        if each.review:
            review = f"{each.review.reviewer}: {each.review.reason}"
        style = "bold red" if each.overdue(now) else None if each.review else "yellow"
        why = (each.approval.approver, each.approval.reason, "OVERDUE " * each.overdue(now) + review)
        table.add_row(
            str(each.approval.id),
            each.approval.release_id[:12],
            f"{each.approval.at:%Y-%m-%d %H:%M}",
            *(escape(cell) for cell in why),
            style=style,
        )
    out.print(table if emergencies else "No release went live without approval.")


class CardFormat(StrEnum):
    md = "md"
    json = "json"
    html = "html"


@app.command()
def card(
    style: Annotated[CardFormat, typer.Option("--format", help="md, json or html.")] = CardFormat.md,
    file: Annotated[Path | None, typer.Option("--out", help="Where to write it; else standard output.")] = None,
) -> None:
    """Generate the model card and the risk register from the live release."""
    text = _render(with_state(lambda state: state.governance.card()), style)
    write_or_print(text, file)


def _render(model_card: ModelCard, style: CardFormat) -> str:
    if style is CardFormat.json:
        return orjson.dumps(model_card.as_dict(), default=str, option=orjson.OPT_INDENT_2).decode()
    return html_card(model_card) if style is CardFormat.html else markdown(model_card)


@app.command("review-break-glass")
def review_break_glass(
    approval_id: Annotated[UUID, typer.Argument(help="Which; 'app governance show' lists them.")], reason: Reason
) -> None:
    """Review a release that went live without approval. Whoever activated it cannot review it."""
    caller = caller_at_the_command_line(NO_TENANT)
    reviewed = with_state(lambda state: state.approvals.review(caller, approval_id, reason))
    out.print(f"Reviewed: release {reviewed.approval.release_id[:12]}.", highlight=False)
