import asyncio
import re
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from app.cli.common import out, settings_for_command
from app.core.clock import SystemClock
from app.core.embedded import start_embedded
from app.core.errors import DatabaseUnavailable, StartRefused
from app.core.event_loop import run_coroutine
from app.core.revisions import EXTENSIONS, extensions, newest, newest_extension
from app.core.schema import drift, migrate, verify
from app.core.table_rules import table_faults
from app.privacy.domain.catalogue import CATALOGUE
from app.privacy.domain.stores import Store
from app.privacy.service.rehearsal import rehearse
from app.settings import Settings
from app.wiring import database_urls, load_extensions, observe

AGAIN_SECONDS = 1.0


def migrate_database(
    to: Annotated[str, typer.Option(help="The revision to go to; back as well as forward.")] = "head",
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing: prove on an empty database that migrations make the tables."),
    ] = False,
    new: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Change nothing: write the next migration of your own, which does TEXT."),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(min=0, help="Change nothing: wait at most this many seconds until the schema is what it must be."),
    ] = None,
) -> None:
    """Migrate the database schema to the revision that this code needs."""
    settings = settings_for_command()
    observe(settings)
    if new is not None:
        out.print(f"Wrote {_write_new(settings.root, new)}.", highlight=False, markup=False)
        return
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


NEW = '''"""{text}."""

from alembic import op

revision = "{revision}"
down_revision = {below}
branch_labels = {labels}
depends_on = "{depends_on}"
phase = "expand"


def upgrade() -> None:
    op.execute("select 1")


def downgrade() -> None:
    op.execute("select 1")
'''


def _write_new(root: Path, text: str) -> Path:
    """The file of the next migration in migrations/extensions. Errors: StartRefused."""
    below, own = newest_extension(root), extensions(root)
    words = "_".join(re.findall(r"[a-z0-9]+", text.lower()))[:60]
    if not words:
        raise StartRefused("Say in a few words what the migration does, such as 'add a table of visits'.")
    revision = next(each for n in count(len(own) + 1) if (each := f"x{n:04}") not in own)
    content = NEW.format(
        text=" ".join(text.split()).strip(".").replace("\\", "").replace('"', "'"),
        revision=revision,
        below=f'"{below}"' if below else None,
        labels=None if below else f'("{EXTENSIONS}",)',
        depends_on=newest(root),
    )
    path = root / "migrations" / EXTENSIONS / f"{SystemClock().now():%Y_%m_%d}_{revision}_{words}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path.relative_to(root)


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
        faults = _faults_of_own_tables(urls.owner)
        migrate(urls.owner, urls.service, settings.root, "base")
    finally:
        server.drop(name)
        server.stop()
    if differences:
        raise StartRefused(f"The migrations do not make the tables that the code declares: {'; '.join(differences)}.")
    if faults:
        raise StartRefused(f"The tables of your own are not as they must be: {'; '.join(faults)}.")
    out.print("The migrations make the tables that the code declares, and can be undone.")


def _faults_of_own_tables(owner_url: str) -> list[str]:
    own = load_extensions().stores
    template = {each.table for each in CATALOGUE.stores if each not in own}
    shared = [each.table for each in own if each.shared]
    faults = table_faults(owner_url, template, {each.table: each.columns.keys() for each in own}, shared)
    return faults or run_coroutine(_rehearsed(owner_url, own))


async def _rehearsed(owner_url: str, own: Sequence[Store]) -> list[str]:
    return [fault async for fault in rehearse(owner_url, own)]
