from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.identity.domain import KeyAmbiguous, KeyNotFound
from tests.cli.test_costs_and_version import run

__all__ = ["run"]


def made(run: CliRunner, tenant: str, name: str) -> str:
    """The prefix of a new key."""
    return run.invoke(app, ["keys", "create", name, "--tenant", tenant]).stdout.strip().split("_")[1]


def secret(run: CliRunner, tenant: str, name: str) -> str:
    done = run.invoke(app, ["keys", "webhook-secret", name, "--tenant", tenant])
    if done.exception:
        raise done.exception
    assert "stored nowhere" in done.stderr
    return done.stdout.strip()


def test_each_key_has_a_secret_of_its_own_until_it_is_revoked(run: CliRunner) -> None:
    tenant = uuid4().hex
    old = made(run, tenant, "asker")
    shown = secret(run, tenant, "asker")
    assert shown.startswith("whsec_")
    assert secret(run, tenant, old) == shown
    run.invoke(app, ["keys", "revoke", old, "--tenant", tenant])
    with pytest.raises(KeyNotFound):
        secret(run, tenant, "asker")
    made(run, tenant, "asker")
    assert secret(run, tenant, "asker") != shown


def test_two_keys_of_one_name_are_told_apart_by_their_prefix(run: CliRunner) -> None:
    tenant = uuid4().hex
    one, two = made(run, tenant, "asker"), made(run, tenant, "asker")
    with pytest.raises(KeyAmbiguous, match=one):
        secret(run, tenant, "asker")
    assert secret(run, tenant, one) != secret(run, tenant, two)


def test_the_audit_log_notes_that_a_secret_was_shown(run: CliRunner) -> None:
    tenant = uuid4().hex
    prefix = made(run, tenant, "asker")
    shown = secret(run, tenant, prefix)
    log = run.invoke(app, ["audit", "list"]).stdout
    assert "key.webhook_secret" in log
    assert shown not in log
