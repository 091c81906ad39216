from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import actor, with_state, write_or_print
from app.governance.domain.readiness.plan import plan_markdown
from app.governance.service.plans import Plans
from app.wiring import State


def plan(
    file: Annotated[Path | None, typer.Option("--out", help="Where to write it; else standard output.")] = None,
    keep: Annotated[bool, typer.Option(help="Store it, so that the next plan says what moved since.")] = True,
) -> None:
    """Write the plan of 30, 60 and 90 days of this service, with owners and dates, and what moved since the last."""

    async def work(state: State) -> None:
        plans = Plans(state.database, state.readiness)
        newest = await plans.make()
        write_or_print(plan_markdown(newest), file)
        if keep:
            await plans.store(newest, actor())

    with_state(work)
