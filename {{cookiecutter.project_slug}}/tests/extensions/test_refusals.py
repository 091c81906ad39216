"""What a team may declare wrongly in its own places stops the start, with a sentence that names the file."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from tests.extensions.extended_service import ExtendedService, examples
from tests.forks import PATIENCE

pytestmark = pytest.mark.long

CASES = {
    "a module that nothing reads": ("action", "ACTIONS = ()", "app/extensions/action.py: nothing reads this module"),
    "no name": ("actions", "ACTION = ()", "app/extensions/actions.py: ACTIONS cannot be read"),
    "an import that fails": ("formats", "import nowhere_at_all", "app/extensions/formats.py: FORMATS cannot be read"),
    "a permission of the template": (
        "permissions",
        "PERMISSIONS = {'keys:manage': ['user']}",
        "the permission keys:manage must begin with 'extensions:'",
    ),
    "a role above the tenants": (
        "permissions",
        "PERMISSIONS = {'extensions:x': ['service']}",
        "service is no role that extensions:x can be given to",
    ),
    "an action of the template": (
        "actions",
        "from app.actions.service import SHIPPED\nACTIONS = SHIPPED",
        "there is an action look_up_ticket already",
    ),
    "a risk that is none": (
        "actions",
        "from app.actions.service import SHIPPED\n"
        "class Own(type(SHIPPED[0])):\n    name, risk = 'own', 'reversibel'\nACTIONS = (Own(),)",
        "the risk of own is reversibel, and there are only read, reversible, irreversible",
    ),
    "two formats of one ending": (
        "formats",
        "from app.adapters.parsers.file_format import FileFormat\n"
        "FORMATS = (FileFormat('own', ('.own',), print), FileFormat('other', ('.own',), print))",
        "two formats read files that end in .own",
    ),
    "content that is kept": (
        "stores",
        "from app.privacy.domain.stores import Content, Store\nSTORES = (Store('own', 'kept', {'note': Content()}),)",
        "own is kept, and note would never be erased",
    ),
    "content that nothing replaces": (
        "stores",
        "from app.privacy.domain.stores import Content, Store\n"
        "STORES = (Store('own', 'change', {'note': Content(to=None)}),)",
        "own is changed by an erasure, and nothing replaces note",
    ),
    "a shared table that is erased": (
        "stores",
        "from app.privacy.domain.stores import Store\nSTORES = (Store('own', 'delete', {}, shared=True),)",
        "own is shared, so that no erasure of a tenant can reach it",
    ),
    "erasing that nothing does": (
        "stores",
        "from app.privacy.domain.stores import Store\nSTORES = (Store('own', 'apart', {}),)",
        "own cannot be erased by 'apart'",
    ),
    "no action": ("actions", "ACTIONS = (object(),)", "has no name"),
    "a format of the template": (
        "formats",
        "from app.adapters.parsers.file_format import FileFormat\nFORMATS = (FileFormat('pdf', ('.p',), print),)",
        "pdf is a format of the template",
    ),
    "an ending of the template": (
        "formats",
        "from app.adapters.parsers.file_format import FileFormat\nFORMATS = (FileFormat('own', ('.md',), print),)",
        "'.md' is read already",
    ),
    "a metric of the template": (
        "scorers",
        "from app.evaluation.domain.metrics import METRICS\nfrom app.evaluation.domain.scorers import Scorer\n"
        "SCORERS = (Scorer(METRICS['safety'], print),)",
        "there is a metric safety already",
    ),
    "no scorer": ("scorers", "SCORERS = (print,)", "is no Scorer"),
    "a table of the template": (
        "stores",
        "from app.privacy.domain.stores import Store\nSTORES = (Store('answers', 'kept', {}),)",
        "the table answers is one of the template's",
    ),
    "a route without a permission": (
        "routes",
        "from fastapi import APIRouter\nrouter = APIRouter()\n@router.get('/x')\nasync def x() -> str: return ''",
        "GET /x asks for no permission",
    ),
    "a permission that no role has": (
        "routes",
        "from fastapi import APIRouter\nfrom app.identity.service.caller import require\nrouter = APIRouter()\n"
        "@router.get('/x', dependencies=[require('extensions:nobody')])\nasync def x() -> str: return ''",
        "needs the permission extensions:nobody, which no role has",
    ),
}


EACH = """
import json, os, sys
from pathlib import Path
import app.extensions
from app.core.errors import StartRefused
from app.wiring import load_extensions

folder = Path(app.extensions.__file__).parent
for name, (module, text, _) in json.load(sys.stdin).items():
    path = folder / f"{module}.py"
    path.write_text(text)
    if (child := os.fork()) == 0:
        try:
            said = str(load_extensions())
        except StartRefused as refused:
            said = str(refused)
        print(json.dumps([name, said]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    path.unlink()
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExtendedService]:
    made = ExtendedService.make(tmp_path_factory.mktemp("extended"))
    with made.forking():
        yield made


@pytest.fixture(scope="module")
def sentences(service: ExtendedService) -> dict[str, str]:
    """What a process says that starts with each module in turn."""
    done = subprocess.run(
        [sys.executable, "-c", EACH],
        cwd=service.folder,
        env=service.environment(),
        input=json.dumps(CASES),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", CASES)
def test_a_module_that_cannot_work_stops_the_start(sentences: dict[str, str], name: str) -> None:
    assert CASES[name][2] in sentences[name]


@pytest.mark.parametrize(
    ("path", "text", "sentence"),
    [
        ("policies/extensions/review.yaml", "rulse: []", "extensions/review.yaml: rulse: Extra inputs"),
        ("policies/extensions/rules.yaml", "rules: []", "extensions/rules.yaml: no part of the service enforces"),
        (
            "policies/extensions/review.yml",
            "rules: []",
            "no part of the service enforces this policy; call it review.yaml",
        ),
        ("policies/extensions/review.yaml", "- rules", "extensions/review.yaml: holds no keys"),
        (
            "policies/extensions/actions.yaml",
            "offered: {nothing: {per_hour: 1}}",
            "policies/actions.yaml offers nothing",
        ),
    ],
)
def test_a_policy_that_cannot_work_stops_the_start(
    service: ExtendedService, path: str, text: str, sentence: str
) -> None:
    file = service.write(path, text)
    try:
        assert sentence in service.refused()
    finally:
        file.unlink()


@pytest.mark.parametrize("text", ["import nowhere_at_all", "commands = ()"])
def test_commands_that_cannot_be_read_are_refused_with_the_file(service: ExtendedService, text: str) -> None:
    file = service.write("app/extensions/commands.py", text)
    started = replace(service, python=sys.executable)  # the list of commands is made when `app` starts
    try:
        assert "app/extensions/commands.py: app cannot be read" in started.refused("extensions")
    finally:
        file.unlink()


def refused_check(service: ExtendedService, added: Sequence[str]) -> str:
    """Why migrations are refused. added: files that are removed afterwards."""
    try:
        return service.refused("migrate", "--check")
    finally:
        for path in added:
            (service.folder / path).unlink()


def test_a_table_that_the_list_of_stores_leaves_out_fails_the_check_of_migrations(service: ExtendedService) -> None:
    added = [path for path in examples() if "callbacks" in path or path.endswith("/tables.py")]
    service.extend(*added)
    said = refused_check(service, added)
    assert "app/extensions/stores.py does not list callbacks" in said


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("/stores.py", "documents &&", "docs &&", 'column "docs" does not exist'),
        ("_callbacks.py", "select, insert, update, delete", "select, insert", "permission denied for table callbacks"),
    ],
)
def test_a_store_that_cannot_be_erased_fails_the_check_of_migrations(
    service: ExtendedService, file: str, old: str, new: str, reason: str
) -> None:
    added = [path for path in examples() if "callbacks" in path or path.endswith(("/tables.py", "/stores.py"))]
    service.extend(*added)
    [path] = [each for each in added if each.endswith(file)]
    service.write(path, examples()[path].replace(old, new))
    said = refused_check(service, added)
    assert "callbacks cannot be exported or erased as it says there" in said
    assert reason in said
