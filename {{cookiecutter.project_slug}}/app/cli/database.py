import asyncio
import time
from typing import Annotated
from uuid import uuid4

import typer

from app.cli.common import out, settings_for_command
from app.core.embedded import start_embedded
from app.core.errors import DatabaseUnavailable, StartRefused
from app.core.event_loop import run_coroutine
from app.core.schema import drift, migrate, verify
from app.settings import Settings
from app.wiring import database_urls, observe

AGAIN_SECONDS = 1.0


def migrate_database(
    to: Annotated[str, typer.Option(help="The revision to go to; back as well as forward.")] = "head",
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing: prove on an empty database that migrations make the tables."),
    ] = False,
    wait: Annotated[
        float | None,
        typer.Option(min=0, help="Change nothing: wait at most this many seconds until the schema is what it must be."),
    ] = None,
) -> None:
    """Migrate the database schema to the revision that this code needs."""
    settings = settings_for_command()
    observe(settings)
    if check:
        _check(settings)
        return
    if wait is not None:
        run_coroutine(_wait(settings, wait))
        return
    urls, server = database_urls(settings)
    try:
        before, after = migrate(urls.owner, urls.service, settings.root, to)
        out.print(f"The schema is at {after}, as it was." if before == after else f"Schema {before} → {after}.")
    finally:
        if server:
            server.stop()


async def _wait(settings: Settings, seconds: float) -> None:
    """Errors: what is missing after that time, as a start would report it."""
    if settings.database_url is None:
        raise StartRefused("Only a database that DATABASE_URL names can be waited for.")
    until, printed = time.monotonic() + seconds, ""
    while True:
        try:
            await verify(settings.database_url.get_secret_value(), settings.root)
            return
        except (StartRefused, DatabaseUnavailable) as error:
            if time.monotonic() >= until:
                raise
            if printed != (printed := str(error)):
                out.print(f"Waiting. {printed}", highlight=False, markup=False)
        await asyncio.sleep(AGAIN_SECONDS)


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
