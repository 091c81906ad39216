from pathlib import Path

import typer

from app import __version__
from app.cli.common import out, settings_for_command, with_state
from app.core.errors import Problem, StartRefused
from app.core.schema import newest
from app.releases.domain import Release
from app.releases.service import read_code
from app.settings import Settings
from app.wiring import State


def add_to(app: typer.Typer) -> None:
    app.command()(version)


def version() -> None:
    """Print the version of the code, the schema it needs and the release that is live."""
    settings = settings_for_command()
    code = read_code(Path(__file__).parent.parent, __version__)
    out.print(f"app {__version__}, code {code.digest[:12]}, schema {newest(settings.root)}", highlight=False)
    out.print(_release(settings), highlight=False)


def _release(settings: Settings) -> str:
    async def live(state: State) -> Release:
        return await state.environments.pointed()

    if settings.database_url is None and not settings.data_dir.exists():
        return "release: none yet, the service has not run here"
    try:
        release = with_state(live)
    except (Problem, StartRefused) as unknown:
        return f"release: not known ({unknown})"
    return f"release {release.number}, {release.short}, of {release.created_at:%Y-%m-%d %H:%M} UTC"
