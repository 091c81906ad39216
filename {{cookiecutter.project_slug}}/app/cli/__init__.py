"""The operator's door. Every command says what went wrong in one sentence and exits with another number than 0."""

import io
import os
import sys

import typer

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

app = typer.Typer(
    name="app",
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
    except Exception as error:
        if os.environ.get("APP_LOG_LEVEL", "").upper() == "DEBUG":
            raise
        sys.exit(_unexpected(error))


def _unexpected(error: Exception) -> str:
    if problem := problem_of(error):
        return _sentence(problem)
    return f"app: an unexpected {type(error).__name__}; run it again with APP_LOG_LEVEL=DEBUG to see where."


def _sentence(error: Exception) -> str:
    if isinstance(error, DatabaseUnavailable):
        return "app: The database does not answer; start it, or correct DATABASE_URL."
    todo = getattr(error, "what_to_do", None)
    said = str(error)
    return f"app: {said}{'' if said.endswith(('.', '?')) else '.'}" + (f" {todo}" if todo else "")
