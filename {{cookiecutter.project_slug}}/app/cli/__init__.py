"""The operator's door. Every command says what went wrong in one sentence and exits with another number than 0."""

import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
import typer.core

from app.cli import (
    actions,
    answer,
    ask,
    audit,
    budget,
    config,
    costs,
    database,
    demo,
    evals,
    evaluate,
    governance,
    index,
    ingest,
    keys,
    release,
    review,
    run,
    search,
    serve,
    tickets,
    version,
)
from app.core.database import problem_of
from app.core.errors import DatabaseUnavailable, Problem, StartRefused
from app.core.grants import greeting_of, sentence_of
from app.core.logging import spelled
from app.core.rls import SERVICE_ROLE
from app.core.text import clean, flaw_in
from app.settings import load_settings


class Commands(typer.core.TyperGroup):
    """Every argument of every command is text that can be stored, before any of them sees it."""

    def main(self, args: Sequence[str] | None = None, *given: Any, **more: Any) -> Any:
        """Errors: StartRefused."""
        for argument in sys.argv[1:] if args is None else args:
            # The name of a file that is there may be any bytes; who reads it tells of it by itself.
            if (message := flaw_in(argument)) and not os.path.lexists(argument):
                raise StartRefused(f"'{clean(argument)[:80]}' {message}; write it in UTF-8.")
        return super().main(args, *given, **more)


app = typer.Typer(
    name="app",
    cls=Commands,
    help="Answers questions about your documents, with citations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (demo, run, serve, ingest, ask, evaluate, database, config, costs, search, version):
    part.add_to(app)
app.add_typer(index.app, name="index")
app.add_typer(keys.app, name="keys")
app.add_typer(answer.app, name="answer")
app.add_typer(release.app, name="release")
release.add_rollback(app)
governance.add_to_release(release.app)
app.add_typer(governance.app, name="governance")
app.add_typer(audit.app, name="audit")
app.add_typer(budget.app, name="budget")
app.add_typer(review.app, name="review")
app.add_typer(actions.app, name="actions")
app.add_typer(tickets.app, name="tickets")
app.add_typer(evals.app, name="evals")


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
    if problem := problem_of(error):
        return _sentence(_caused(problem, error))
    if said := _of_the_database(error):
        return f"app: {said}"
    return f"app: an unexpected {type(error).__name__}; run it again with APP_LOG_LEVEL=DEBUG to see where."


def _caused(problem: Problem, error: BaseException) -> Problem:
    problem.__cause__ = error
    return problem


def _of_the_database(error: BaseException) -> str | None:
    settings = load_settings()
    url = settings.database_url.get_secret_value() if settings.database_url else f"postgresql://{SERVICE_ROLE}@/app"
    return sentence_of(error, url, url)


def _sentence(error: Exception) -> str:
    if isinstance(error, DatabaseUnavailable):
        if said := greeting_of(error):
            return f"app: The database refuses the connection: {said}; see to that, or correct DATABASE_URL."
        return "app: The database does not answer; start it, or correct DATABASE_URL."
    todo = getattr(error, "what_to_do", None)
    said = spelled(error)
    return f"app: {said}{'' if said.endswith(('.', '?')) else '.'}" + (f" {todo}" if todo else "")
