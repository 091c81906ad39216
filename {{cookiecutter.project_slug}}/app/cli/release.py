from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.markup import escape
from rich.table import Table

from app.cli.common import actor, local_moment, out, with_state
from app.cli.governance import add_to_release
from app.core.errors import Invalid
from app.releases.domain import Release, ReleaseHistory, Scalar
from app.releases.domain.diff import ReleaseChange
from app.wiring import State

app = typer.Typer(help="Releases: code, prompts, models, index and policies, pinned together.", no_args_is_help=True)

ReleaseArgument = Annotated[
    str, typer.Argument(metavar="RELEASE", help="Its number, its id, or the first eight digits or more of the id.")
]
Reason = Annotated[str, typer.Option(help="Why; for the audit log.")]
Environment = Annotated[str, typer.Option(help="production or staging.")]

STYLES = {"live": "bold green", "canary": "cyan", "approved": "green", "rolled_back": "red", "rejected": "red"}


@app.command()
def create(
    base: Annotated[str | None, typer.Option("--from", help="Start from this release instead of the files.")] = None,
    index: Annotated[int | None, typer.Option(help="Another index than the live one.")] = None,
    change: Annotated[list[str] | None, typer.Option("--set", help="retrieval.dense_weight=0.3; repeatable.")] = None,
    staging: Annotated[bool, typer.Option("--staging", help="Put it on staging, to look at it.")] = False,
    reason: Reason = "made at the command line",
) -> None:
    """Create a draft from the files of this folder, or from another release with changes."""
    changes = dict(_pair(each) for each in change or [])

    async def work(state: State) -> tuple[Release, ReleaseHistory]:
        release = await state.releases.create(actor(), base=base, index=index, changes=changes, reason=reason)
        if staging:
            await state.rollouts.activate(actor(), release.id, reason, "staging")
        return release, await state.releases.history(release.id)

    release, history = with_state(work)
    out.print(f"Release {release.number} ({release.short}) is {history.state}.", highlight=False)
    if staging:
        out.print("It answers on staging, to requests with the header X-Environment: staging.", highlight=False)
    if history.state == "draft":
        out.print(f"Measure it with: app evaluate --release {release.number}", highlight=False)


def _pair(text: str) -> tuple[str, Scalar]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Invalid(f"'{text}' is not NAME=VALUE.", action="Write it like --set retrieval.dense_weight=0.3")
    return name.strip(), yaml.safe_load(value)


@app.command("list")
def list_releases(limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 20) -> None:
    """Show the newest releases and their states."""

    async def work(state: State) -> Table:
        table = Table("number", "id", "state", "created", "index", "models")
        for release, what in await state.releases.list(limit):
            chain = " > ".join(step.model for step in release.manifest.chain)
            created = f"{release.created_at:%Y-%m-%d %H:%M}"
            embedder = release.manifest.index.embedder
            table.add_row(str(release.number), release.short, what, created, embedder, chain, style=STYLES.get(what))
        return table

    out.print(with_state(work))


@app.command()
def show(
    release_id: ReleaseArgument, manifest: Annotated[bool, typer.Option(help="All of the manifest.")] = False
) -> None:
    """Show a release and its history."""

    async def work(state: State) -> tuple[Release, ReleaseHistory]:
        release = await state.releases.find(release_id)
        return release, await state.releases.history(release.id)

    release, history = with_state(work)
    if manifest:
        out.print_json(release.manifest.canonical.decode())
        return
    out.print(f"Release {release.number}  [bold]{history.state}[/]\n{release.id}\n", highlight=False)
    table = Table("when", "became", "who", "why", "report")
    for event in history.events:
        proof = f"{event.evidence.verdict} {event.evidence.report[:12]}" if event.evidence else event.unproven or ""
        table.add_row(f"{event.at:%Y-%m-%d %H:%M:%S}", event.after, escape(event.actor), escape(event.reason), proof)
    out.print(table)


@app.command()
def diff(
    new: ReleaseArgument,
    old: Annotated[str | None, typer.Argument(help="Against this one; else the one live in production.")] = None,
) -> None:
    """Show what a release changes, as a reviewer reads it."""

    async def work(state: State) -> tuple[Release, Release, tuple[ReleaseChange, ...]]:
        return await state.releases.compare(old or (await state.environments.resolve()).id, new)

    before, after, changes = with_state(work)
    out.print(f"Release {before.number} > {after.number}", style="bold", highlight=False)
    if not changes:
        out.print("Nothing differs.")
    for change in changes:
        sizes = f"{change.before or 'nothing'} > {change.after or 'nothing'}"
        out.print(f"\n[bold]{change.part} {escape(change.name)}[/]  {escape(sizes)}", highlight=False)
        for line in change.text.splitlines():
            out.print(escape(line), style={"+": "green", "-": "red", "@": "cyan"}.get(line[:1]), highlight=False)


@app.command()
def export(release_id: ReleaseArgument, file: Annotated[Path, typer.Argument(help="Where to write it.")]) -> None:
    """Write a release with all its parts as one signed file."""
    file.write_bytes(with_state(lambda state: state.releases.export(release_id, state.settings.signing_secret())))
    out.print(f"Written to {file}. Take it in elsewhere with: app release import {file.name}", highlight=False)


@app.command("import")
def import_bundle(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An exported release.")],
) -> None:
    """Take in a release that another deployment exported; it is a draft here."""
    release = with_state(
        lambda state: state.releases.import_bundle(actor(), file.read_bytes(), state.settings.signing_secret())
    )
    out.print(f"Release {release.number} ({release.short}) was taken in.", highlight=False)


@app.command()
def activate(
    release_id: ReleaseArgument,
    reason: Reason,
    environment: Environment = "production",
    break_glass: Annotated[
        bool, typer.Option("--break-glass", help="An emergency: without approval; to be reviewed within a day.")
    ] = False,
) -> None:
    """Let a release go live. Production needs its approval; no request fails."""
    release = with_state(
        lambda state: state.rollouts.activate(actor(), release_id, reason, environment, break_glass=break_glass)
    )
    out.print(f"Release {release.number} is live in {environment}. Go back with: app rollback --reason …")


@app.command()
def canary(
    release_id: ReleaseArgument,
    reason: Reason,
    percent: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=99, help="Part of the conversations or tenants; that of policies/quality.yaml if not given."
        ),
    ] = None,
) -> None:
    """Start a canary: serve an approved release to a share of production's callers, compared with the live release."""

    async def work(state: State) -> tuple[Release, float]:
        release = await state.rollouts.start_canary(actor(), release_id, percent, reason)
        started = state.environments.served().pointer.canary
        return release, started.percent if started else 0

    release, share = with_state(work)
    out.print(f"Release {release.number} is a canary of {share:g} %. A worker judges it as answers come in.")


@app.command("judge-canary")
def judge_canary() -> None:
    """Show how the canary compares with the live release. Exit status 1: FAIL, 2: HOLD, no decision yet."""
    decision = with_state(lambda state: state.canaries.status()).decision
    table = Table("metric", "answers", "harm", "margin", "p", "", title=decision.verdict)
    for finding in decision.findings:
        answers = f"{finding.canary_answers} beside {finding.control_answers}"
        mark = "harm" if finding.harmful else "cleared" if finding.cleared else ""
        figures = (f"{finding.harm:+.3f}", f"{finding.margin:g}", f"{finding.p:.2g}")
        table.add_row(finding.metric, answers, *figures, mark)
    out.print(table)
    for reason in decision.reasons:
        out.print(f"  {escape(reason)}", highlight=False)
    raise typer.Exit({"PASS": 0, "FAIL": 1, "HOLD": 2}[decision.verdict])


@app.command("abort-canary")
def abort_canary(reason: Reason) -> None:
    """End the canary; everybody gets the live release again."""
    ended = with_state(lambda state: state.rollouts.end_canary(actor(), reason))
    out.print(f"The canary of release {ended.number} has ended.")


@app.command()
def at(
    time: Annotated[datetime, typer.Argument(help="As 2026-01-31T12:00:00, in this machine's time zone.")],
    environment: Environment = "production",
) -> None:
    """Show what was live at a moment."""
    moment = local_moment(time)

    async def work(state: State) -> tuple[str, Release]:
        move = await state.environments.at(moment, environment)
        canary = (
            f", and release {(await state.releases.find(move.canary.release_id)).number} as a canary of "
            f"{move.canary.percent:g} %"
            if move.canary
            else ""
        )
        return canary, await state.releases.find(move.release_id)

    canary, release = with_state(work)
    out.print(f"Release {release.number} ({release.short}){canary}.", highlight=False)


add_to_release(app)
