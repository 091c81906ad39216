"""The operator's door. Every command says what went wrong in one sentence and exits with another number than 0."""

import sys

import typer

from app.cli import config, costs, database, keys, run, serve, version
from app.core.errors import Problem, StartRefused

app = typer.Typer(
    name="app",
    help="Answers questions about your documents, with citations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (run, serve, database, config, costs, version):
    part.add_to(app)
app.add_typer(keys.app, name="keys")


def main() -> None:
    """Entry point of the `app` command."""
    try:
        app()
    except (StartRefused, Problem) as error:
        sys.exit(_sentence(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _sentence(error: Exception) -> str:
    todo = getattr(error, "what_to_do", None)
    return f"app: {error}" + (f" {todo}" if todo else "")
