from typing import Annotated

import typer

from app.cli.common import out, settings_for_command
from app.core.errors import StartRefused
from app.core.schema import drift, migrate
from app.wiring import database_urls, observe


def add_to(app: typer.Typer) -> None:
    app.command("migrate")(migrate_database)


def migrate_database(
    to: Annotated[str, typer.Option(help="The revision to go to; back as well as forward.")] = "head",
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when tables and code differ.")] = False,
) -> None:
    """Bring the database schema to what this code needs."""
    settings = settings_for_command()
    observe(settings)
    urls, server = database_urls(settings)
    try:
        if check:
            _check(drift(urls.owner, settings.root))
        else:
            before, after = migrate(urls.owner, urls.service, settings.root, to)
            out.print(f"The schema is at {after}, as it was." if before == after else f"Schema {before} → {after}.")
    finally:
        if server:
            server.stop()


def _check(differences: list[str]) -> None:
    if differences:
        raise StartRefused(f"Tables in code and in the database differ: {'; '.join(differences)}.")
    out.print("Tables in code and in the database agree.")
