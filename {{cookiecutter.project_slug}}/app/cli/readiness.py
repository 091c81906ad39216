import hashlib
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

import typer
from rich.markup import escape

from app.cli.common import actor, caller_at_the_command_line, local_moment, out, with_state
from app.core.errors import Invalid
from app.core.operations import OPERATIONS, OperationKind, OperationRun
from app.governance.domain.readiness.report import ReadinessReport
from app.governance.domain.readiness.statements import ReadinessStatement, StatementKind
from app.governance.domain.readiness.vocabulary import QUESTIONS
from app.governance.schemas import ReadinessResponse
from app.governance.service.html_readiness import html_readiness
from app.wiring import State

app = typer.Typer(help="Readiness: twelve questions answered from live evidence.", invoke_without_command=True)

CheckArgument = Annotated[str, typer.Argument(metavar="CHECK", help="The id of the check; 'app readiness' lists them.")]
Reason = Annotated[str, typer.Option(help="Why; for the audit log.")]
Expires = Annotated[datetime | None, typer.Option(help="When it ends; else the latest that the policy allows.")]
ReportFormat = Literal["table", "json", "html"]

NO_TENANT = UUID(int=0)
STYLES = {"green": "green", "amber": "yellow", "red": "red"}
RECORDED: tuple[OperationKind, ...] = tuple(kind for kind in OPERATIONS if kind not in ("backup", "retention"))
"""Operations that take place outside of the service; the others record themselves."""
MAX_RESULT_BYTES = 10_000_000


@app.callback()
def readiness(
    context: typer.Context,
    style: Annotated[ReportFormat, typer.Option("--format", help="table, json or html.")] = "table",
    red_only: Annotated[bool, typer.Option("--red", help="Only what is not green.")] = False,
) -> None:
    """Readiness: twelve questions answered from live evidence. Exit status 1: a required check is red."""
    if context.invoked_subcommand:
        return
    report = with_state(lambda state: state.readiness.report())
    if style == "table":
        _print_table(report, red_only)
    else:
        text = html_readiness(report) if style == "html" else ReadinessResponse.of(report).model_dump_json(indent=2)
        out.print(text, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if report.ready else 1)


def _print_table(report: ReadinessReport, red_only: bool) -> None:
    for question, status in report.questions.items():
        out.print(f"\n[{STYLES[status]}]{status:5}[/] [bold]{QUESTIONS[question]}[/]", highlight=False)
        for result in report.of_question(question):
            if red_only and result.status == "green":
                continue
            mark = "" if result.required else " (not required)"
            colour = STYLES[result.status]
            line = f"  [{colour}]{result.status:5}[/] {result.check.id}{mark}: {escape(result.found)}"
            out.print(line, highlight=False, soft_wrap=True)
            if result.status != "green":
                step = f"        {result.owner}: {result.check.next_step} (docs/{result.check.page})"
                out.print(escape(step), highlight=False, soft_wrap=True, style="dim")
    counts = Counter(report.statuses.values())
    summary = f"{counts['green']} green, {counts['amber']} amber, {counts['red']} red"
    verdict = "No required check is red." if report.ready else f"{len(report.blocking)} required checks are red."
    out.print(f"\n{len(report.results)} checks: {summary}. {verdict}", highlight=False)


@app.command()
def attest(
    check_id: CheckArgument,
    reason: Reason,
    owner: Annotated[str | None, typer.Option(help="Who answers for it; else you.")] = None,
    expires: Expires = None,
) -> None:
    """Attest what only a person can know. It ends on its date, and when what was attested changes."""
    caller, ends = caller_at_the_command_line(NO_TENANT), local_moment(expires) if expires else None
    _print_statement(with_state(lambda state: state.readiness.attest(caller, check_id, reason, owner, ends)))


@app.command()
def waive(
    check_id: CheckArgument,
    reason: Reason,
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    expires: Expires = None,
) -> None:
    """Let a red check count as amber until a date."""
    caller, ends = caller_at_the_command_line(NO_TENANT), local_moment(expires) if expires else None
    _print_statement(with_state(lambda state: state.readiness.waive(caller, check_id, reason, owner, ends)))


@app.command()
def withdraw(
    check_id: CheckArgument,
    reason: Reason,
    kind: Annotated[StatementKind, typer.Option(help="attestation or waiver.")] = "attestation",
) -> None:
    """End an attestation or a waiver at once."""
    caller = caller_at_the_command_line(NO_TENANT)
    ended = with_state(lambda state: state.readiness.withdraw(caller, kind, check_id, reason))
    out.print(f"The {ended.kind} of {check_id} has ended.", highlight=False, markup=False)


def _print_statement(statement: ReadinessStatement) -> None:
    until = f"{statement.expires_at:%Y-%m-%d %H:%M} UTC"
    text = f"The {statement.kind} of {statement.check_id} by {statement.owner} lasts until {until}."
    out.print(text, highlight=False, markup=False, soft_wrap=True)


@app.command()
def record(
    kind: Annotated[OperationKind, typer.Argument(help="restore_drill, load_test or dependency_audit.")],
    result: Annotated[
        Path, typer.Argument(help="The file with its result; its digest is stored.", exists=True, dir_okay=False)
    ],
    failed: Annotated[bool, typer.Option("--failed", help="It did not pass.")] = False,
    detail: Annotated[str, typer.Option(help="Figures in a few words.")] = "",
) -> None:
    """Record that an operation outside of the service took place, such as a restore drill."""
    if kind not in RECORDED:
        raise Invalid(f"A run of '{kind}' records itself.", action=f"Name one of {', '.join(RECORDED)}.")
    if result.stat().st_size > MAX_RESULT_BYTES:
        raise Invalid(f"{result} is larger than {MAX_RESULT_BYTES:,} bytes.", action="Name the result of the run.")
    digest, who = hashlib.sha256(result.read_bytes()).hexdigest(), actor()

    async def work(state: State) -> OperationRun:
        run = OperationRun(kind, state.clock.now(), who, not failed, digest, detail[:200])
        await state.readiness.record(run)
        return run

    done = with_state(work)
    out.print(f"Recorded: {done.kind}, {'passed' if done.passed else 'failed'}, result {digest[:12]}.", highlight=False)
