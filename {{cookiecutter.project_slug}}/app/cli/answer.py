from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, out, with_caller

app = typer.Typer(help="Past answers.", no_args_is_help=True)

DIFFERS = 1


@app.callback()
def main() -> None:
    """Past answers."""


@app.command()
def replay(
    answer: Annotated[UUID, typer.Argument(help="The answer's id.")],
    tenant: Annotated[str, typer.Option(help="Whose answer.")] = DEFAULT_TENANT,
) -> None:
    """Run a past answer again on its own release and documents. Exit status 1: something differs that must not."""
    replay_result = with_caller(tenant, lambda state, caller: state.replays.replay(caller, answer))
    where = f"release {replay_result.release_id[:12]}, corpus version {replay_result.corpus_version}"
    if replay_result.faithful and not replay_result.differences:
        out.print(f"The same evidence and the same text, on {where}.", highlight=False)
        return
    table = Table("what differs", "before", "after", title=where, title_justify="left")
    for difference in replay_result.differences:
        table.add_row(escape(difference.what), escape(difference.before), escape(difference.after))
    out.print(table)
    if replay_result.missing:
        out.print(f"{replay_result.missing} passages were deleted or closed since; nothing brings them back.")
    if not replay_result.faithful:
        raise typer.Exit(DIFFERS)
