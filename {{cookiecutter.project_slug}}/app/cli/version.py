import typer

from app import __version__
from app.cli.common import out, settings_for_command
from app.core.schema import newest


def add_to(app: typer.Typer) -> None:
    app.command()(version)


def version() -> None:
    """Print the version of the code and the schema it needs."""
    out.print(f"app {__version__}, schema {newest(settings_for_command().root)}", highlight=False)
