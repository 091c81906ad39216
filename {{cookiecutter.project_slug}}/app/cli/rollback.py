from typing import Annotated

import typer

from app.cli.common import actor, out, settings_for_command
from app.releases.domain import Release
from app.releases.service import Rollouts
from app.setup.process import run_with
from app.setup.rollback import open_rollouts


def rollback(
    reason: Annotated[str, typer.Option(help="Why; for the audit log.")],
    to: Annotated[str | None, typer.Option(help="A release that was live and approved; else the last one.")] = None,
    environment: Annotated[str, typer.Option(help="production or staging.")] = "production",
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Try it on staging, and record the time.")] = False,
) -> None:
    """Go back to the previous release at once, without an evaluation or an approval."""

    async def work(rollouts: Rollouts) -> tuple[Release, float | None]:
        if rehearse:
            return await rollouts.rehearse(actor(), reason, to)
        return await rollouts.rollback(actor(), reason, environment, to), None

    release, seconds = run_with(open_rollouts, settings_for_command(), work)
    if seconds is not None:
        out.print(f"Rehearsed on staging: back on release {release.number} after {seconds * 1000:.0f} ms.")
        return
    out.print(f"Release {release.number} is live in {environment}.")
