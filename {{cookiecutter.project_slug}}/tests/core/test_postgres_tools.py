"""Programs in place of PostgreSQL's: what they are given, and what becomes of what they say."""

from pathlib import Path

import pytest

from app.core import postgres_tools
from app.core.errors import StartRefused
from app.core.postgres_tools import find_tool, run_tool

URL = "postgresql://someone:hush-hush-hush@db.example:5433/app"


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def only_in_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that is all of PATH, on a machine without the embedded server."""
    monkeypatch.setattr(postgres_tools.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("server", [15, 16])
def test_a_program_of_the_servers_version_or_newer_is_found(only_in_path: Path, server: int) -> None:
    path = program(only_in_path / "pg_dump", "echo 'pg_dump (PostgreSQL) 16.2'")
    assert find_tool("pg_dump", server) == path


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo 'pg_dump (PostgreSQL) 16.2'", "only pg_dump 16"),
        ("echo 'something else 99'", "no pg_dump"),
        ("exit 1", "no pg_dump"),
    ],
)
def test_an_older_program_or_another_one_is_refused(only_in_path: Path, script: str, found: str) -> None:
    program(only_in_path / "pg_dump", script)
    with pytest.raises(StartRefused, match=f"is PostgreSQL 17 and there is {found} here: install the client programs"):
        find_tool("pg_dump", 17)


def test_a_program_that_is_nowhere_is_named(only_in_path: Path) -> None:
    with pytest.raises(StartRefused, match="there is no pg_restore here"):
        find_tool("pg_restore", 17)


def test_the_password_is_in_the_environment_and_not_among_the_arguments(tmp_path: Path) -> None:
    lines: list[str] = []
    tool = program(tmp_path / "pg_dump", 'echo "$@" >&2; echo "password $PGPASSWORD, messages in $LC_ALL" >&2')
    run_tool(tool, ["--format=c", "a b"], URL, lines.append)
    arguments, environment = lines
    assert arguments.startswith("--format=c a b --dbname=")
    assert {"user=someone", "host=db.example", "port=5433", "dbname=app"} <= set(
        arguments.strip().partition("--dbname=")[2].split()
    )
    assert "hush" not in arguments
    assert environment == "password hush-hush-hush, messages in C\n"


def test_without_a_password_that_of_the_environment_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "from outside")
    lines: list[str] = []
    run_tool(program(tmp_path / "pg_dump", 'echo "$PGPASSWORD" >&2'), [], "postgresql://a@b/c", lines.append)
    assert lines == ["from outside\n"]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ("pg_dump: last read\\npg_dump: error: no such table.\\ndetail: more", "pg_dump: error: no such table."),
        ("FATAL: too many connections", "FATAL: too many connections."),
        ("only words", "only words."),
        ("", "no message."),
    ],
)
def test_a_failure_is_one_sentence_with_its_first_error(tmp_path: Path, messages: str, reason: str) -> None:
    tool = program(tmp_path / "pg_dump", f"printf '{messages}' >&2; exit 3")
    with pytest.raises(StartRefused) as refused:
        run_tool(tool, [], URL, lambda _: None)
    assert str(refused.value) == f"pg_dump failed: {reason}"


def test_a_password_is_masked_in_the_failure(tmp_path: Path) -> None:
    tool = program(tmp_path / "pg_dump", f"echo 'error: no connection to {URL}' >&2; exit 1")
    with pytest.raises(StartRefused) as refused:
        run_tool(tool, [], URL, lambda _: None)
    assert "no connection to postgresql://" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_many_messages_and_other_bytes_do_not_stop_a_program(tmp_path: Path) -> None:
    lines: list[str] = []
    tool = program(tmp_path / "pg_dump", "i=0; while [ $i -lt 200 ]; do printf '%d \\377\\n' $i >&2; i=$((i+1)); done")
    run_tool(tool, [], URL, lines.append)
    assert len(lines) == 200
    assert lines[-1] == "199 \ufffd\n"


def test_a_program_is_ended_when_its_caller_fails(tmp_path: Path) -> None:
    def fail(line: str) -> None:
        raise RuntimeError(line)

    with pytest.raises(RuntimeError, match="begun"):
        run_tool(program(tmp_path / "pg_dump", f"echo begun >&2; sleep 3; touch {tmp_path}/done"), [], URL, fail)
    assert not (tmp_path / "done").exists()
