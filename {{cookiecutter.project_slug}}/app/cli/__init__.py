"""The command line. Every failure is one sentence on standard error and an exit status other than 0."""

import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
import typer.core

from app.cli.commands import LazyCommands, summary
from app.core.errors import DatabaseUnavailable, Problem, StartRefused
from app.core.redaction import redact
from app.core.text import clean, flaw_in, safe_str


class Commands(typer.core.TyperGroup):
    """Rejects arguments that are not storable text before any command runs. Imports only the command that runs."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.commands = LazyCommands()

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Errors: StartRefused."""
        for argument in sys.argv[1:] if args is None else args:
            # The name of an existing file may be any bytes; the command that reads the file reports that itself.
            if (message := flaw_in(argument)) and not os.path.lexists(argument):
                raise StartRefused(f"'{clean(argument)[:80]}' {message}; write it in UTF-8.")
        return super().main(args, *rest, **options)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return summary(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, remaining = super().resolve_command(ctx, args)
        return name, self.commands[command.name] if command and command.name else None, remaining


app = typer.Typer(
    name="app",
    cls=Commands,
    help="Answers questions about your documents, with citations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root() -> None:
    """Answers questions about your documents, with citations."""


def main() -> None:
    """Runs the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a character must not end a command
    try:
        app()
    except (StartRefused, Problem) as error:
        sys.exit(_sentence(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except (GeneratorExit, SystemExit):
        raise
    except BaseException as error:
        if os.environ.get("APP_LOG_LEVEL", "").upper() == "DEBUG":
            raise
        sys.exit(_unexpected(error))


def _unexpected(error: BaseException) -> str:
    from app.core.database import problem_of

    if problem := problem_of(error):
        return _sentence(_caused(problem, error))
    if message := _database_sentence(error):
        return f"app: {message}"
    return f"app: an unexpected {type(error).__name__}; run it again with APP_LOG_LEVEL=DEBUG to see where."


def _caused(problem: Problem, error: BaseException) -> Problem:
    problem.__cause__ = error
    return problem


def _database_sentence(error: BaseException) -> str | None:
    from app.core.grants import sentence_of
    from app.core.rls import SERVICE_ROLE
    from app.settings import load_settings

    settings = load_settings()
    url = settings.database_url.get_secret_value() if settings.database_url else f"postgresql://{SERVICE_ROLE}@/app"
    return sentence_of(error, url, url)


def _sentence(error: Exception) -> str:
    if isinstance(error, DatabaseUnavailable):
        from app.core.grants import greeting_of

        if message := greeting_of(error):
            return f"app: The database refuses the connection: {message}; see to that, or correct DATABASE_URL."
        return "app: The database does not answer; start it, or correct DATABASE_URL."
    next_step = getattr(error, "what_to_do", None)
    message = redact(safe_str(error))
    return f"app: {message}{'' if message.endswith(('.', '?')) else '.'}" + (f" {next_step}" if next_step else "")
