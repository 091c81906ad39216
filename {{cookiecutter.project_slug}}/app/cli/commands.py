"""The commands of `app` and the module of each. A module is imported when its command runs, so that help, a mistyped
command and `app version` start quickly. Help texts are repeated here, and a test compares them with the commands'.
"""

import importlib
import importlib.util
from collections.abc import Iterator, MutableMapping
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand

from app.core.errors import StartRefused


class Listed(NamedTuple):
    """Where a command is defined. group: it has commands of its own, on the module's `app`. function: the name of the
    command in Python, where it is another one.
    """

    module: str
    help: str
    group: bool = False
    function: str = ""


COMMANDS = {
    "demo": Listed("demo", "Read this service's own handbook and answer three questions about it; no key, no network."),
    "run": Listed(
        "run", "Run the API and a worker together until Ctrl-C, on a migrated database, with a development key."
    ),
    "serve": Listed("serve", "Run the API, or one room of it alone, until Ctrl-C."),
    "worker": Listed(
        "serve",
        "Run the jobs of the queue, or of one room alone, until Ctrl-C; serve their metrics on a port of their own.",
        function="run_worker",
    ),
    "health": Listed(
        "health",
        "Ask the API on this machine whether it is ready, for health checks of containers. Exit status 1: it is not.",
    ),
    "ingest": Listed(
        "ingest",
        "Add documents and print the result of each. Exit status 1: one was refused, quarantined or unreadable.",
    ),
    "ask": Listed(
        "ask",
        "Answer a question from the documents, with citations. "
        "Exit status 3: they hold no answer; 4: it waits for human review.",
    ),
    "evaluate": Listed(
        "evaluate",
        "Measure a release against the live one. Exit status: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not be measured.",
    ),
    "migrate": Listed(
        "database", "Migrate the database schema to the revision that this code needs.", function="migrate_database"
    ),
    "backup": Listed("backup", "Back up the whole database into a folder, as of one moment, while the service runs."),
    "restore": Listed(
        "backup",
        "Restore a backup into an empty database, verify it, and say what was lost since.",
        function="restore_database",
    ),
    "costs": Listed(
        "costs",
        "Show what was spent, by day, feature, model, release, environment, key and person.",
    ),
    "reconcile": Listed(
        "costs", "Compare the ledger of all tenants with a provider's usage export. Exit status 1: they differ."
    ),
    "search": Listed("search", "Show the passages that a question finds, best first."),
    "version": Listed(
        "version", "Print the versions of the code, its template and its schema, and the release that is live."
    ),
    "rollback": Listed("rollback", "Go back to the previous release at once, without an evaluation or an approval."),
    "plan": Listed(
        "plan",
        "Write the plan of 30, 60 and 90 days of this service, with owners and dates, and what moved since the last.",
    ),
    "adopt": Listed(
        "adopt", "Read the folder of a prototype, without running it, and write what is fragile and where it belongs."
    ),
    "config": Listed("config", "Settings and policies.", group=True),
    "index": Listed("index", "Indexes: what documents are searched through.", group=True),
    "keys": Listed("keys", "API keys.", group=True),
    "documents": Listed("documents", "Documents, and who may read them.", group=True),
    "quarantine": Listed("quarantine", "Quarantine: documents that are not served until a person decides.", group=True),
    "identities": Listed("identities", "People and service accounts of the identity provider.", group=True),
    "answers": Listed("answers", "Answers: lists of them, and one by any of its ids.", group=True),
    "answer": Listed("answer", "Past answers.", group=True),
    "release": Listed("release", "Releases: code, prompts, models, index and policies, pinned together.", group=True),
    "governance": Listed("governance", "Emergency activations, model card and risk register.", group=True),
    "readiness": Listed("readiness", "Readiness: twelve questions answered from live evidence.", group=True),
    "monitoring": Listed(
        "monitoring", "Alert rules, dashboards, error budgets, business value and failures.", group=True
    ),
    "outcomes": Listed("outcomes", "Outcomes: what came of answers for the business.", group=True),
    "audit": Listed("audit", "The audit log: who did what, and proof that it is unchanged.", group=True),
    "privacy": Listed("privacy", "Personal data: export, erasure, legal holds, and keys of tenants.", group=True),
    "budget": Listed("budget", "Budgets: limits, and what was spent.", group=True),
    "review": Listed("review", "Human review of answers and actions.", group=True),
    "actions": Listed("actions", "Actions that models proposed, and their results.", group=True),
    "tickets": Listed("tickets", "Tickets: what the bundled actions create and change.", group=True),
    "jobs": Listed("jobs", "The queue: what waits, and jobs that failed for good.", group=True),
    "evals": Listed("evals", "Cases of the evaluation.", group=True),
}


if importlib.util.find_spec("app.extensions.commands"):
    COMMANDS["extensions"] = Listed("app.extensions.commands", "What this service adds to its template.", group=True)


def load(name: str) -> Any:
    """The command, with its module imported. Errors: KeyError; StartRefused, for the team's module."""
    try:
        return _load(name)
    except Exception as error:
        if name != "extensions":
            raise
        raise StartRefused(f"app/extensions/commands.py: app cannot be read ({error}).") from error


def _load(name: str) -> Any:
    entry = COMMANDS[name]
    module = importlib.import_module(entry.module if entry.module.startswith("app.") else f"app.cli.{entry.module}")
    if entry.group:
        group = typer.main.get_group(module.app)
        group.name = name
        return group
    part = typer.Typer()
    part.callback()(_no_options)
    part.command(name)(getattr(module, entry.function or name))
    return typer.main.get_group(part).commands[name]


def _no_options() -> None:
    """Makes a group of a Typer that has one command."""


class LazyCommands(MutableMapping[str, Any]):
    """The commands by name; each is imported when it is looked up."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = load(name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS


def summary(name: str) -> TyperCommand | None:
    """What a page of help shows of a command, without importing it; None where there is no such command."""
    return TyperCommand(name, help=COMMANDS[name].help) if name in COMMANDS else None
