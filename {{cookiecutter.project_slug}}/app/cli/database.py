from typing import Annotated
from uuid import uuid4

import typer

from app.cli.common import out, settings_for_command
from app.core.embedded import start_embedded
from app.core.errors import StartRefused
from app.core.schema import drift, migrate
from app.settings import Settings
from app.wiring import database_urls, observe


def migrate_database(
    to: Annotated[str, typer.Option(help="The revision to go to; back as well as forward.")] = "head",
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing: prove on an empty database that migrations make the tables."),
    ] = False,
) -> None:
    """Migrate the database schema to the revision that this code needs."""
    settings = settings_for_command()
    observe(settings)
    if check:
        _check(settings)
        return
    urls, server = database_urls(settings)
    try:
        before, after = migrate(urls.owner, urls.service, settings.root, to)
        out.print(f"The schema is at {after}, as it was." if before == after else f"Schema {before} → {after}.")
    finally:
        if server:
            server.stop()


def _check(settings: Settings) -> None:
    server = start_embedded(settings.data_dir)
    name = f"check_{uuid4().hex[:12]}"
    try:
        urls = server.urls(name)
        migrate(urls.owner, urls.service, settings.root)
        differences = drift(urls.owner, settings.root)
        migrate(urls.owner, urls.service, settings.root, "base")
    finally:
        server.drop(name)
        server.stop()
    if differences:
        raise StartRefused(f"The migrations do not make the tables that the code declares: {'; '.join(differences)}.")
    out.print("The migrations make the tables that the code declares, and can be undone.")
