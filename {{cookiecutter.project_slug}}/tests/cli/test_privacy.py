import json
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.core.errors import Invalid
from app.identity.domain import TenantNotFound
from app.privacy.domain.requests import PrivacyContentNotFound
from tests.cli.test_costs_and_version import run

__all__ = ["run"]

NAME = "Ada Quillfeather"


@pytest.fixture
def tenant(run: CliRunner) -> str:
    """A tenant with a ticket about the person."""
    name = uuid4().hex
    assert run.invoke(app, ["keys", "create", "asker", "--tenant", name]).exit_code == 0
    done = run.invoke(app, ["tickets", "add", f"{NAME} has called", "--tenant", name])
    assert done.exit_code == 0, done.output
    return name


def erase(run: CliRunner, tenant: str, *more: str) -> str:
    done = run.invoke(app, ["privacy", "erase", "--tenant", tenant, "--reason", "request 17", *more])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_a_person_is_previewed_exported_and_erased(run: CliRunner, tenant: str, tmp_path: Path) -> None:
    assert "1 tickets" in erase(run, tenant, "--subject", NAME, "--dry-run")
    file = tmp_path / "ada.jsonl"
    done = run.invoke(app, ["privacy", "export", "--tenant", tenant, "--subject", NAME, "--file", str(file)])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["title"] for row in rows if row.get("store") == "tickets"] == [f"{NAME} has called"]
    said = erase(run, tenant, "--subject", NAME)
    assert "is done" in said
    shown = run.invoke(app, ["tickets", "list", "--tenant", tenant]).output
    assert NAME not in shown
    requests = run.invoke(app, ["privacy", "requests", "--tenant", tenant]).output
    assert "erase" in requests
    assert "export" in requests
    assert NAME not in requests
    with pytest.raises(PrivacyContentNotFound):
        erase(run, tenant, "--subject", NAME)


def test_a_wrong_tenant_is_named(run: CliRunner) -> None:
    with pytest.raises(TenantNotFound, match="no tenant named 'nowhere'"):
        erase(run, "nowhere", "--subject", NAME)


@pytest.mark.parametrize("more", [[], ["--subject", NAME, "--asker", "asker"], ["--everything", "--key", "abc"]])
def test_exactly_one_thing_is_erased_at_a_time(run: CliRunner, tenant: str, more: list[str]) -> None:
    with pytest.raises(Invalid, match="exactly one of"):
        erase(run, tenant, *more)


def test_a_hold_blocks_with_its_reason_and_can_be_lifted(run: CliRunner, tenant: str) -> None:
    from app.cli.common import with_state
    from app.wiring import State

    async def find(state: State) -> str:
        return str(await state.identity.tenant(tenant))

    subject = with_state(find)
    placed = run.invoke(app, ["privacy", "hold", "tenant", subject, "--tenant", tenant, "--reason", "proceeding 4711"])
    hold = placed.output.split()[2]
    blocked = run.invoke(app, ["privacy", "erase", "--tenant", tenant, "--subject", NAME, "--reason", "request 17"])
    assert blocked.exit_code == 1
    assert "proceeding 4711" in blocked.output
    assert "proceeding" in run.invoke(app, ["privacy", "holds", "--tenant", tenant]).output
    assert run.invoke(app, ["privacy", "lift", hold, "--tenant", tenant, "--reason", "it is over"]).exit_code == 0
    assert "is done" in erase(run, tenant, "--subject", NAME)
    assert run.invoke(app, ["privacy", "hold", "cat", subject, "--reason", "proceeding"]).exit_code == 1


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("stores", "review_decisions"),
        ("expire", "Nothing is too old."),
        ("encrypt", "0 files."),
        ("rotate-keys", "files."),
        ("rotate-master-key", "0 keys of tenants."),
        ("decrypt", "files."),
        ("reapply", "0 erasures were applied again."),
        ("vacuum", "The pages of erased rows are free."),
    ],
)
def test_commands_of_upkeep_say_what_they_did(run: CliRunner, command: str, says: str) -> None:
    done = run.invoke(app, ["privacy", command])
    assert done.exit_code == 0, done.output
    assert says in done.output
