"""`app evaluate` in processes of its own: exit statuses, and kill -9 during a run."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from app.core.embedded import start_embedded
from tests.conftest import ROOT, TESTED
from tests.e2e.conftest import environment
from tests.evaluation.conftest import BRIDGE, CASES, SECRET, TOWER
from tests.forks import KILL, Forks

MANY = 80
Run = Callable[..., subprocess.CompletedProcess[str]]


def small_service(tmp_path: Path) -> Path:
    """A service with two small documents and many cases, text search only."""
    folder = tmp_path / "house"
    for name in ("policies", "prompts", "migrations"):
        shutil.copytree(TESTED / name, folder / name)
    for name, text in (("library/tower.md", TOWER), ("library/bridge.md", BRIDGE), ("closed/vault.md", SECRET)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "evals").mkdir()
    folders = [
        {"path": "library", "source": "stones"},
        {"path": "closed", "source": "stones", "groups": ["keepers"]},
    ]
    (folder / "evals" / "corpus.json").write_text(json.dumps({"folders": folders}))
    more = [
        {**CASES[1], "id": f"span-{n}", "question": f"How long is main span {n} of the bridge?"} for n in range(MANY)
    ]
    (folder / "evals" / "golden.jsonl").write_text("\n".join(json.dumps(case) for case in [*CASES, *more]))
    return folder


@pytest.fixture
def run(forks: Forks) -> Run:
    """Run one command of the service to its end, in a fork of a process that has imported it."""

    def run_forked(house: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command, env = [*forks.command("app"), *arguments], variables(house)
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=500, check=False)

    return run_forked


@pytest.fixture
def house(tmp_path: Path, run: Run) -> Path:
    folder = small_service(tmp_path)
    assert run(folder, "migrate").returncode == 0
    return folder


def variables(house: Path) -> dict[str, str]:
    return environment(house / "data", APP_ROOT=str(house), APP_EMBEDDER="none", COLUMNS="160")


@pytest.mark.slow
def test_the_exit_status_is_the_verdict_and_the_reports_are_written(house: Path, run: Run, tmp_path: Path) -> None:
    first = run(house, "evaluate", "--out", str(tmp_path / "before"))
    assert first.returncode == 0, first.stdout + first.stderr
    written = tmp_path / "before"
    assert sorted(path.name for path in written.iterdir()) == ["report.html", "report.json", "report.md"]
    assert "PASS" in first.stdout
    report = str(written / "report.json")
    # No case is answered; then one of few documents, on which a slower answer can be neither shown nor ruled out.
    for words, status, verdict in (("50", 1, "FAIL"), ("0.1", 2, "INCONCLUSIVE")):
        made = run(house, "release", "create", "--set", f"refusal.words={words}", "--set", "refusal.coverage=50")
        number = made.stdout.split()[1]
        other = run(house, "evaluate", "--release", number, "--against", report, "--out", str(tmp_path / verdict))
        assert (other.returncode, verdict in other.stdout) == (status, True), other.stdout + other.stderr
        assert (tmp_path / verdict / "report.json").exists()
    broken = written / "report.json"
    broken.write_bytes(broken.read_bytes().replace(b"tower", b"spire", 1))
    for arguments, told in (
        (("--against", report), "report"),
        (("--suite", "silver"), "There is no suite 'silver'"),
        (("--release", "77777"), "There is no release 77777"),
    ):
        refused = run(house, "evaluate", *arguments)
        assert refused.returncode == 3, refused.stdout + refused.stderr
        assert told in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_killed_run_resumes_and_asks_no_case_twice(house: Path, run: Run, forks: Forks) -> None:
    server = start_embedded(house / "data")
    try:
        with psycopg.connect(server.urls().owner, autocommit=True) as watching:
            kills = 0
            while kills < 3:
                before = _kept(watching)
                process = subprocess.Popen(
                    [*forks.command("app"), "evaluate"],
                    cwd=ROOT,
                    env=variables(house),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                with _standing_still(watching, before + 20):
                    while process.poll() is None and _kept(watching) < before + 20:
                        time.sleep(0.005)
                    process.send_signal(KILL)
                    process.wait()
                kills += 1
                assert before + 20 <= _kept(watching) < len(CASES) + MANY
            ended = run(house, "evaluate")
            assert ended.returncode == 0, ended.stdout + ended.stderr
            (runs, done, verdicts) = _one(watching, "select count(*), max(done), max(verdict) from evaluation_runs")
            assert (runs, done, verdicts) == (1, len(CASES) + MANY, "PASS")
            assert _kept(watching) == len(CASES) + MANY
            asked = _one(watching, "select count(*) from ledger where feature = 'evaluation'")[0]
            # A case may be paid for again that was answered and not yet kept when its process died: one for each death.
            assert len(CASES) + MANY <= asked <= len(CASES) + MANY + kills
    finally:
        server.stop()


@contextmanager
def _standing_still(watching: psycopg.Connection[tuple[object, ...]], at: int) -> Iterator[None]:
    """Inside the block, storing more than this many results blocks."""
    watching.execute("select pg_advisory_lock(1)")
    watching.execute(
        "create or replace function stand_still() returns trigger language plpgsql security definer as $$ begin "
        f"if (select count(*) from evaluation_results) >= {at} then perform pg_advisory_xact_lock_shared(1); end if; "
        "return new; end $$"
    )
    watching.execute(
        "create trigger stand_still before insert on evaluation_results for each row execute function stand_still()"
    )
    yield
    watching.execute("select pg_advisory_unlock(1)")
    watching.execute("drop trigger stand_still on evaluation_results")


def _kept(watching: psycopg.Connection[tuple[object, ...]]) -> int:
    return int(str(_one(watching, "select count(*) from evaluation_results")[0]))


def _one(watching: psycopg.Connection[tuple[object, ...]], query: str) -> tuple[object, ...]:
    row = watching.execute(query).fetchone()
    assert row
    return row
