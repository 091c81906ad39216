"""Ten edits that teams make in a service, each for every layout that the service has had, and for the one of today.

`complete` is what the service's own rules ask for beside two of them: a setting that every way of deploying knows, with
a test, and no row that names a test which is gone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROUTE = """from fastapi import APIRouter

router = APIRouter(tags=["own"])


@router.get("/v1/own-motto")
async def own_motto() -> dict[str, str]:
    return {"motto": "own-route"}
"""
RULE = """rules:
  - name: own-rule
    when: {words: [audit]}
    send: before
    due_minutes: 2880
"""
ACTION = """from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Reopen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    ticket: str = Field(pattern=r"^T-[0-9]{1,9}$", description="The ticket's id, such as T-12.")


class ReopenTicket:
    name, scope, untrusted = "own_reopen_ticket", "tickets:write", False
    risk: ClassVar = "reversible"
    description = "Opens a closed ticket again."
    arguments: ClassVar[type[BaseModel]] = Reopen

    async def run(self, connection, run, arguments):
        return {"ticket": arguments.ticket, "status": "open"}
"""
MIGRATION = '''"""The team's own notes, with three of them."""

from alembic import op

revision = "9001"
down_revision = "{head}"
phase = "expand"


def upgrade() -> None:
    op.execute("create table own_notes (id integer constraint pk_own_notes primary key, note text not null)")
    op.execute("insert into own_notes values (1, 'one'), (2, 'two'), (3, 'three')")


def downgrade() -> None:
    op.execute("drop table own_notes")
'''
MOVED = """from app.adapters.embeddings.weights import MINILM, MINILM_SHA256, TOKENIZER_SHA256, _bundled_files, name_of

# own-names

"""
STILL_THERE = "tests/safety/test_disguises.py::test_invisible_characters_in_a_field_are_reported"
MOTTO_TEST = """import pytest

from app.settings import Settings


def test_the_motto_is_what_the_variable_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_OWN_MOTTO", "Ask first.")
    assert Settings(_env_file=None).own_motto == "Ask first."
"""
OLD_PLACE = "from app.adapters.embeddings.weights import "
NEW_PLACE = "from app.adapters.embeddings.own_names import bundled_name\n"


@dataclass(frozen=True)
class Edit:
    """mark: words that stand in the service while the edit does. touches: paths at its time, and today. again: what a
    person does who has taken the template's side of a conflict; None: the edit as it was made.
    """

    name: str
    mark: str
    touches: tuple[str, ...]
    make: Callable[[Path], None]
    again: Callable[[Path], None] | None = None


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")


def swap(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise ValueError(f"{path} does not hold {old!r}")
    put(path, text.replace(old, new, 1))


def first(project: Path, *names: str) -> Path:
    return next(project / name for name in names if (project / name).is_file())


def route(project: Path) -> None:
    put(project / "app/core/own_route.py", ROUTE)
    main = project / "app/main.py"
    version = "from app import __version__\n"
    swap(main, version, f"{version}from app.core.own_route import router as own_router\n")
    handlers = "    install_problem_handlers(app)\n"
    swap(main, handlers, f"{handlers}    app.include_router(own_router)\n")


def prompt(project: Path) -> None:
    swap(project / "prompts/answer.md", "at most five sentences", "at most four sentences")


def rule(project: Path) -> None:
    if (project / "policies/review.yaml").is_file():
        swap(project / "policies/review.yaml", "rules:\n", RULE)
    else:
        swap(project / "policies/security.yaml", "limits:\n", "limits:\n  # own-rule: short ones\n")


def action(project: Path) -> None:
    """Before there were actions: a value of a module of the team's own, as part of what the service is wired from."""
    wiring = first(project, "app/wiring/infrastructure.py", "app/wiring/__init__.py", "app/wiring.py")
    room = "actions" if (project / "app/actions").is_dir() else "inference"
    (project / "app/inference/service/own_reopen.py").unlink(missing_ok=True)
    put(project / f"app/{room}/service/own_reopen.py", ACTION)
    line = f"from app.{room}.service.own_reopen import ReopenTicket\n"
    text = wiring.read_text(encoding="utf-8")
    at = text.index("from app.adapters.")
    put(wiring, text[:at] + line + text[at:])
    if "for action in SHIPPED}" in text:
        swap(wiring, "for action in SHIPPED}", "for action in (*SHIPPED, ReopenTicket())}")
    else:
        swap(wiring, "POLICIES: dict", "OWN_ACTIONS = (ReopenTicket(),)\nPOLICIES: dict")


def migration(project: Path) -> None:
    put(project / "migrations/versions/2026_12_01_9001_add_own_notes.py", MIGRATION.format(head=head(project)))


def labelled_migration(project: Path) -> None:
    """As the upgrade says: beside the template's chain, with its revision as it was."""
    (old,) = (project / "migrations/versions").glob("*_9001_*.py")
    text = old.read_text(encoding="utf-8")
    below = text.partition('down_revision = "')[2].partition('"')[0]
    labels = f'down_revision = None\nbranch_labels = ("extensions",)\ndepends_on = "{below}"'
    put(project / "migrations/extensions" / old.name, text.replace(f'down_revision = "{below}"', labels))
    old.unlink()


def moved_function(project: Path) -> None:
    weights = project / "app/adapters/embeddings/weights.py"
    text = weights.read_text(encoding="utf-8")
    start = text.index("def bundled_name() -> str:")
    end = text.index("\n\n\n", start) + 3
    put(project / "app/adapters/embeddings/own_names.py", f"{MOVED}\n{text[start:end].rstrip()}\n")
    put(weights, text[:start] + text[end:])
    moved_imports(project)


def moved_imports(project: Path) -> None:
    kept = {project / f"app/adapters/embeddings/{name}.py" for name in ("weights", "own_names")}
    for path in [*(project / "app").rglob("*.py"), *(project / "tests").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        if OLD_PLACE in text and "bundled_name" in text.replace(NEW_PLACE, "") and path not in kept:
            text = text.replace("    bundled_name,\n", "").replace(f"{OLD_PLACE}bundled_name, ", OLD_PLACE)
            put(path, text.replace(OLD_PLACE, NEW_PLACE + OLD_PLACE, 1))


def edited_test(project: Path) -> None:
    path = first(
        project,
        "tests/inference/domain/grounding/test_citations.py",
        "tests/inference/domain/test_markers.py",
    )
    put(path, path.read_text(encoding="utf-8") + "\n\ndef test_own_addition() -> None:\n    assert True\n")


def deleted_file(project: Path) -> None:
    (project / "tests/safety/test_text.py").unlink()


def setting(project: Path) -> None:
    field = '    own_motto: str = Field("", description="What the service says of itself.")\n'
    path = first(project, "app/settings/processes.py", "app/settings.py")
    line = next(
        line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if "    worker_concurrency:" in line
    )
    swap(path, line, field + line)


def docs(project: Path) -> None:
    readme = project / "README.md"
    put(readme, readme.read_text(encoding="utf-8") + "\n## Our own rules\n\nThe own-docs of this team.\n")


def complete(project: Path) -> None:
    """In a service of today, with all edits. The pages that are generated from the settings are left to
    scripts/reference.py.
    """
    swap(
        project / "deploy/compose.yaml",
        "    APP_WORKER_CONCURRENCY:\n",
        "    APP_OWN_MOTTO:\n    APP_WORKER_CONCURRENCY:\n",
    )
    put(project / "tests/fields/test_own_motto.py", MOTTO_TEST)
    line = "APP_OWN_MOTTO: 'tests/fields/test_own_motto.py::test_the_motto_is_what_the_variable_says'\n"
    table = project / "tests/fields/fields.yaml"
    put(table, table.read_text(encoding="utf-8") + line)
    gone = "tests/safety/test_text.py::"
    for path in sorted((project / "assurance").rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        if gone in text:
            put(path, text.replace(f"{gone}test_invisible_characters_are_removed_and_reported", STILL_THERE))
            drop_lines(path, gone)


def drop_lines(path: Path, words: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    put(path, "".join(line for line in lines if words not in line))


def head(project: Path) -> str:
    """The last revision of the template's own chain."""
    names = (path.name.split("_")[3] for path in (project / "migrations/versions").glob("2*.py"))
    return max(name for name in names if name < "9000")


EDITS = (
    Edit("new route", "own_router", ("app/core/own_route.py", "app/main.py"), route),
    Edit("changed prompt", "at most four sentences", ("prompts/answer.md",), prompt),
    Edit("own policy rule", "own-rule", ("policies/review.yaml", "policies/security.yaml"), rule),
    Edit(
        "own action",
        "ReopenTicket",
        (
            "app/actions/service/own_reopen.py",
            "app/inference/service/own_reopen.py",
            "app/wiring.py",
            "app/wiring/__init__.py",
        ),
        action,
    ),
    Edit(
        "own migration with data",
        "own_notes",
        ("migrations/versions/2026_12_01_9001_add_own_notes.py",),
        migration,
        labelled_migration,
    ),
    Edit(
        "moved function",
        "own-names",
        (
            *(f"app/adapters/embeddings/{name}.py" for name in ("own_names", "weights", "opening", "factory")),
            "tests/retrieval/domain/test_indexes.py",
        ),
        moved_function,
        moved_imports,
    ),
    Edit("edited test", "test_own_addition", ("tests/inference/domain/test_markers.py",), edited_test),
    Edit("deleted file", "", ("tests/safety/test_text.py",), deleted_file, lambda project: None),
    Edit("added setting", "own_motto: str", ("app/settings.py",), setting),
    Edit("edited docs", "own-docs", ("README.md",), docs),
)


def apply(project: Path) -> None:
    for edit in EDITS:
        edit.make(project)


def text_files(project: Path) -> Iterator[Path]:
    for path in project.rglob("*"):
        if path.is_file() and not {".git", ".venv", ".data", "__pycache__"} & set(path.relative_to(project).parts):
            yield path
