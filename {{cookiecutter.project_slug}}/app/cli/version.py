from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__
from app.cli.common import out, settings_for_command, with_state
from app.core.code import code_digest
from app.core.errors import Problem, StartRefused
from app.core.revisions import required
from app.core.template_record import TemplateRecord
from app.settings import Settings

if TYPE_CHECKING:
    from app.releases.domain import Release
    from app.wiring import State


def version() -> None:
    """Print the versions of the code, its template and its schema, and the release that is live."""
    settings = settings_for_command()
    digest = code_digest(Path(__file__).parent.parent)
    schema = " with ".join(required(settings.root))
    out.print(f"app {__version__}, code {digest[:12]}, schema {schema}", highlight=False)
    out.print(f"template {TemplateRecord.of(settings.root)}", highlight=False)
    out.print(_release(settings), highlight=False)


def _release(settings: Settings) -> str:
    async def live(state: "State") -> "Release":
        return await state.environments.pointed()

    if settings.database_url is None and not settings.data_dir.exists():
        return "release: none yet, the service has not run here"
    try:
        release = with_state(live)
    except (Problem, StartRefused) as error:
        return f"release: not known ({error})"
    return f"release {release.number}, {release.short}, of {release.created_at:%Y-%m-%d %H:%M} UTC"
