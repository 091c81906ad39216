"""A prototype is read without running it: what is fragile with file and line, and never a secret of it."""

import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.governance.domain.adoption.adoption_map import AdoptionMap, make_map
from app.governance.domain.adoption.map_markdown import map_markdown
from app.governance.domain.adoption.prototype import REMEDIES, PrototypeFile
from app.governance.service import prototype_reader
from app.governance.service.prototype_reader import PrototypeUnreadable, adopt
from tests.conftest import ROOT

PROTOTYPE = ROOT / "tests" / "data" / "prototype"
KEYS = {"KEY_OF_THE_PROVIDER": "sk-proj-" + "Ab3dEf6h" * 4, "KEY_OF_THE_SHOP": "sk_" + "live_" + "Zx81Qm4t" * 3}
"""Put together here, so that no scan of this repository finds a key."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "support-bot"
    shutil.copytree(PROTOTYPE, copy)
    for path in (copy / "bot.py", copy / "refunds.ipynb"):
        text = path.read_text(encoding="utf-8")
        for name, key in KEYS.items():
            text = text.replace(name, key)
        path.write_text(text, encoding="utf-8")
    (copy / ".env").write_text(f"OPENAI_API_KEY={KEYS['KEY_OF_THE_PROVIDER']}\n", encoding="utf-8")
    return copy


def places(found: AdoptionMap, kind: str) -> set[str]:
    return {f"{each.path}:{each.line}" for each in found.fragile if each.kind == kind}


def line_of(path: Path, text: str) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if text in line]
    return f"{path.name}:{number}"


def test_every_kind_of_fragile_place_is_found_with_its_line(folder: Path) -> None:
    found, bot = adopt(folder), folder / "bot.py"
    expected = {
        "hard_coded_key": {line_of(bot, "OPENAI_API_KEY ="), "refunds.ipynb cell 1:4"},
        "evaluated_text": {line_of(bot, "eval("), line_of(bot, "os.system(")},
        "unpickled_data": {line_of(bot, "pickle.load(")},
        "sql_from_text": {line_of(bot, "INSERT INTO")},
        "bare_except": {line_of(bot, "except:")},
        "missing_timeout": {line_of(bot, "OpenAI(api_key"), line_of(bot, "requests.get(")},
        "prompt_in_code": {line_of(bot, "PROMPT =")},
        "model_in_code": {line_of(bot, "text-embedding-3"), line_of(bot, "gpt-4o"), "refunds.ipynb cell 2:2"},
        "no_tests": {"bot.py:1"},
        "no_retries": {"bot.py:1"},
        "no_logging": {"bot.py:1"},
        "unpinned_requirements": {"requirements.txt:1", "requirements.txt:2", "requirements.txt:4"},
        "notebook_code": {"refunds.ipynb:1"},
    }
    assert {kind: places(found, kind) for kind in expected} == expected
    assert ".env:1" in places(found, "committed_secret")
    assert places(found, "print_as_log") >= {line_of(bot, 'print("answer:"')}


def test_files_are_mapped_to_the_rooms_that_do_the_same(folder: Path) -> None:
    rooms = {file.path: set(file.rooms) for file in adopt(folder).files}
    assert rooms["bot.py"] >= {"app/llm", "app/retrieval", "app/console", "app/actions", "app/core"}
    assert rooms["helpers/ingest.py"] == {"app/ingestion"}
    assert "app/actions" in rooms["refunds.ipynb"]
    assert rooms[".env"] == {"app/settings"}
    assert all(
        (ROOT / room.partition(".")[0]).exists() or (ROOT / f"{room}.py").exists()
        for all_ in rooms.values()
        for room in all_
    )


def test_workflows_with_effects_outside_are_to_be_classified(folder: Path) -> None:
    found = adopt(folder)
    signs = {(sign.workflow, sign.path) for sign in found.risky}
    assert signs == {
        ("sends messages", "bot.py"),
        ("writes to a database", "bot.py"),
        ("deletes", "bot.py"),
        ("runs commands", "bot.py"),
        ("moves money", "refunds.ipynb cell 2"),
    }


def test_the_map_names_secrets_by_their_place_and_never_holds_them(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "map.md"
    done = CliRunner().invoke(app, ["adopt", str(folder), "--out", str(target)])
    assert done.exit_code == 0, done.output
    text = target.read_text(encoding="utf-8")
    assert [key for key in KEYS.values() if key in text or key[:14] in text] == []
    assert "looks like a stripe key" in text
    assert "moves money" in text


def test_nothing_of_the_prototype_runs(folder: Path) -> None:
    mark = folder.parent / "ran"
    (folder / "helpers" / "trap.py").write_text(f"open({str(mark)!r}, 'w')\n")
    (folder / "sitecustomize.py").write_text(f"open({str(mark)!r}, 'w')\n")
    assert len(adopt(folder).files) == 8
    assert not mark.exists()


def test_links_pipes_and_any_bytes_are_no_obstacle(folder: Path) -> None:
    (folder / "outside").symlink_to("/etc")
    (folder / "passwords.py").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.py")
    (folder / "bytes.py").write_bytes(bytes(range(256)))
    (folder / "broken.py").write_text("def (:\n")
    (folder / "deep.py").write_text("x = " + "(" * 5000 + ")" * 5000)
    (folder / "chain.py").write_text("x" + ".a()" * 3000)
    (folder / "late\udcff<b>|`.py").write_text("password = 'Hunter2Hunter2'\n")
    deep = folder.joinpath(*["d"] * 300)
    deep.mkdir(parents=True)
    found = adopt(folder)
    paths = {file.path for file in found.files}
    assert not {path for path in paths if path.startswith(("outside", "passwords", "pipe"))}
    assert places(found, "unreadable_file") >= {"broken.py:1"}
    text = map_markdown(found)
    assert "<b>" not in text
    assert "Hunter2" not in text
    text.encode()


def test_size_and_number_of_files_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prototype_reader, "MAX_FILES", 3)
    found = adopt(folder)
    assert (len(found.files), found.skipped) == (3, 3)
    monkeypatch.setattr(prototype_reader, "MAX_FILES", 100)
    monkeypatch.setattr(prototype_reader, "MAX_FILE_BYTES", 100)
    found = adopt(folder)
    assert found.skipped == 3
    assert {each.path for each in found.fragile} == {".env", "requirements.txt"}
    monkeypatch.setattr(prototype_reader, "MAX_ENTRIES", 2)
    with pytest.raises(PrototypeUnreadable):
        adopt(folder)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    for path in (tmp_path / "nothing", tmp_path / "link"):
        with pytest.raises(PrototypeUnreadable):
            adopt(path)


@pytest.mark.parametrize(
    "line",
    [
        "client = OpenAI(timeout=20)",
        "key = os.environ['API_KEY']",
        "data = yaml.load(text, Loader=yaml.SafeLoader)",
        "db.execute('SELECT 1 WHERE a = ?', (a,))",
        "subprocess.run(['ls'], check=True)",
        "password = getpass.getpass('the password of the database')",
    ],
)
def test_what_is_done_well_is_not_called_fragile(line: str) -> None:
    found = make_map("good", [PrototypeFile("good.py", 1, line), PrototypeFile("tests/test_good.py", 1, "")], 0)
    assert found.fragile == ()


def test_a_page_and_a_room_stand_behind_every_remedy() -> None:
    assert [kind for kind, remedy in REMEDIES.items() if not (ROOT / "docs" / remedy.page).is_file()] == []
    assert [kind for kind, remedy in REMEDIES.items() if not (ROOT / remedy.room).is_dir()] == []
