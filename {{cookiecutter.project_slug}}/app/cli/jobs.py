from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.common import actor, out, with_state
from app.core import audit
from app.core.audit import Act
from app.core.errors import Invalid
from app.core.job_queue import ParkedJob, ParkedJobs, QueueDepth, depth_of_queue
from app.wiring import State

app = typer.Typer(help="The queue: what waits, and jobs that failed for good.", no_args_is_help=True)

Kind = Annotated[str | None, typer.Option(help="Only jobs of this kind, such as webhooks.send.")]


@app.command("list")
def list_jobs(kind: Kind = None) -> None:
    """Show how many jobs wait, by kind, and the jobs that failed for good, with the kind of their last error."""

    async def work(state: State) -> tuple[dict[str, QueueDepth], list[ParkedJob]]:
        async with state.database.read(None) as connection:
            depths = await depth_of_queue(connection)
        return depths, list(await ParkedJobs(state.database).list(kind))

    depths, parked = with_state(work)
    for name, depth in sorted(depths.items()):
        if kind in (None, name):
            out.print(
                f"{name}: {depth.ready} waiting, the first for {depth.oldest_seconds:.0f} s; {depth.parked} parked.",
                highlight=False,
            )
    if not parked:
        out.print("No job is parked.")
        return
    table = Table("job", "kind", "parked (UTC)", "attempts", "why", box=None)
    for each in parked:
        cells = (each.kind, f"{each.parked_at:%Y-%m-%d %H:%M:%S}", str(each.attempts), each.reason)
        table.add_row(str(each.id), *map(escape, cells))
    out.print(table)


@app.command()
def show(job: Annotated[int, typer.Argument(help="The id of the job.")]) -> None:
    """Show a job that failed for good, with its arguments."""
    found = with_state(lambda state: ParkedJobs(state.database).find(job))
    lines = {
        "kind": found.kind,
        "parked": f"{found.parked_at:%Y-%m-%d %H:%M:%S} UTC",
        "attempts": found.attempts,
        "why": found.reason or "not known",
        **found.arguments,
    }
    for name, value in lines.items():
        out.print(f"{name}: {value}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def retry(
    jobs: Annotated[list[int] | None, typer.Argument(help="The ids of jobs.")] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Every parked job, or those of --kind.")] = False,
    kind: Kind = None,
) -> None:
    """Run parked jobs again, with all of their attempts."""
    if bool(jobs) == all_of_them:
        raise Invalid("Name the jobs, or --all of them.", action="'app jobs list' shows those that there are.")

    async def work(state: State) -> int:
        parked = ParkedJobs(state.database)
        chosen = [(await parked.find(job)).id for job in jobs or []]
        if all_of_them:
            chosen = [each.id for each in await parked.list(kind, limit=100_000)]
        again = await parked.retry(chosen)
        async with state.database.transaction(None) as connection:
            for job in again:
                await audit.record(connection, Act(actor(), "job.retry", f"job {job}"), state.clock.now())
        return len(again)

    out.print(f"{with_state(work)} jobs are in the queue again.")
