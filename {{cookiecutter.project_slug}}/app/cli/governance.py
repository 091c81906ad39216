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

from app.cli.common import caller_at_the_command_line, out, with_state
from app.governance.domain.approval_rules import Approval, Emergency
from app.governance.domain.markdown_card import markdown
from app.governance.domain.model_card import ModelCard
from app.governance.service.html_card import html_card
from app.releases.domain import Release
from app.wiring import State

app = typer.Typer(help="Emergency activations, model card and risk register.", no_args_is_help=True)

Wanted = Annotated[str, typer.Argument(help="Number, id or the first eight digits or more of it.")]
Reason = Annotated[str, typer.Option(help="Why; for the audit log.")]

NO_TENANT = UUID(int=0)
STYLES = {"missing": "red", "attention": "yellow", "checked by the build": "dim"}


def add_to_release(group: typer.Typer) -> None:
    for command in (approve, reject, approvals):
        group.command()(command)


def approve(
    wanted: Wanted,
    reason: Reason,
    report: Annotated[str | None, typer.Option(help="SHA-256 of the report you read; else the newest.")] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends; else as the policy says.")] = None,
) -> None:
    """Approve a release on its newest report. Nobody approves what they made themselves."""
    me = caller_at_the_command_line(NO_TENANT)
    ends = expires.astimezone() if expires else None

    async def work(state: State) -> tuple[Approval, str | None]:
        return await state.approvals.approve(me, wanted, reason, report=report, expires=ends)

    given, lacking = with_state(work)
    until = f"{given.expires_at:%Y-%m-%d %H:%M} UTC" if given.expires_at else "for ever"
    out.print(f"Approved by {escape(given.approver)} until {until}, on report {(given.report or '')[:12]}.")
    out.print(lacking or f"Let it go live with: app release activate {wanted} --reason …", highlight=False)


def reject(wanted: Wanted, reason: Reason) -> None:
    """End a release that is not live; only a new evaluation opens it again."""
    me = caller_at_the_command_line(NO_TENANT)

    async def work(state: State) -> Release:
        return await state.approvals.reject(me, wanted, reason)

    out.print(f"Release {with_state(work).number} is rejected.")


def approvals(wanted: Wanted) -> None:
    """Show who approved a release, and what is lacking."""

    async def work(state: State) -> str:
        table = Table("when (UTC)", "who", "as", "what", "report", "until", "why")
        release = await state.releases.find(wanted)
        for each in await state.approvals.given(release.id):
            until = f"{each.expires_at:%Y-%m-%d %H:%M}" if each.expires_at else ""
            told = (each.approver, each.role, each.kind, (each.report or "")[:12], until, each.reason)
            table.add_row(f"{each.at:%Y-%m-%d %H:%M:%S}", *(escape(cell) for cell in told))
        out.print(table)
        return await state.approvals.lacking(release) or "Nothing is lacking: it may go live."

    out.print(with_state(work), highlight=False)


@app.command()
def show() -> None:
    """Show how each risk is answered right now, and what went live without approval."""

    async def work(state: State) -> ModelCard:
        return await state.governance.card()

    made = with_state(work)
    risks = Table("", "risk", "stands", "found just now", "owner")
    for risk in made.risks:
        told = (risk.risk, risk.standing, risk.found, risk.owner)
        risks.add_row(str(risk.number), *(escape(cell) for cell in told), style=STYLES.get(risk.standing))
    out.print(risks)
    _show_emergencies(made.emergencies, made.at)


def _show_emergencies(found: Sequence[Emergency], now: datetime) -> None:
    table = Table("id", "release", "when (UTC)", "who", "why", "review")
    for each in found:
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
    out.print(table if found else "No release went live without approval.")


class CardFormat(StrEnum):
    md = "md"
    json = "json"
    html = "html"


@app.command()
def card(
    style: Annotated[CardFormat, typer.Option("--format", help="md, json or html.")] = CardFormat.md,
    file: Annotated[Path | None, typer.Option("--out", help="Where to write it; else standard output.")] = None,
) -> None:
    """Make the model card and the risk register from what is live."""

    async def work(state: State) -> ModelCard:
        return await state.governance.card()

    told = _told(with_state(work), style)
    if file is None:
        out.print(told, markup=False, highlight=False, soft_wrap=True)
    else:
        file.write_text(told, encoding="utf-8")
        out.print(f"Written to {file}.", highlight=False, soft_wrap=True)


def _told(made: ModelCard, style: CardFormat) -> str:
    if style is CardFormat.json:
        return orjson.dumps(made.as_dict(), default=str, option=orjson.OPT_INDENT_2).decode()
    return html_card(made) if style is CardFormat.html else markdown(made)


@app.command("review-break-glass")
def review_break_glass(
    approval_id: Annotated[UUID, typer.Argument(help="Which; 'app governance show' lists them.")], reason: Reason
) -> None:
    """Say afterwards what you think of a release that went live without approval. Not for who let it."""
    me = caller_at_the_command_line(NO_TENANT)

    async def work(state: State) -> Emergency:
        return await state.approvals.review(me, approval_id, reason)

    out.print(f"Reviewed: release {with_state(work).approval.release_id[:12]}.", highlight=False)
