import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.cli.common import with_state
from app.cli.run import development_key
from app.core.embedded import Urls
from app.identity.domain import IdentityNotFound, InvalidKeyTerms, KeyAmbiguous, KeyNotFound
from app.identity.domain.identification import StoredIdentity
from app.identity.repository import identity_rows
from app.settings import Settings
from app.wiring import State, build
from tests.cli.test_costs_and_version import run

__all__ = ["run"]


def made(run: CliRunner, tenant: str, name: str) -> str:
    """Make a key, and return its prefix."""
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


def test_two_keys_with_one_name_differ_by_their_prefix(run: CliRunner) -> None:
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


def test_an_older_development_key_is_replaced_by_one_with_every_role(
    database_urls: Urls, settings: Settings, tmp_path: Path
) -> None:
    own = settings.model_copy(update={"data_dir": tmp_path})

    async def work() -> None:
        async with build(own, database_urls) as state:
            tenant = await state.identity.ensure_tenant("default")
            old = await state.identity.create_key(tenant, "development", ["admin"])
            (tmp_path / "development-key").write_text(old.text)
            new = await development_key(own, database_urls)
            assert (await state.identity.authenticate(new)).roles == {"admin", "service"}
            assert await development_key(own, database_urls) == new != old.text

    asyncio.run(work())


def test_the_role_service_is_granted_at_the_command_line(run: CliRunner) -> None:
    tenant = uuid4().hex
    done = run.invoke(app, ["keys", "create", "sven", "--tenant", tenant, "--role", "service", "--role", "reviewer"])
    assert done.exit_code == 0, done.output
    assert "reviewer service" in " ".join(run.invoke(app, ["keys", "list", "--tenant", tenant]).stdout.split())


def test_a_key_is_restricted_at_the_command_line(run: CliRunner) -> None:
    tenant = uuid4().hex
    limits = ["--permission", "documents:read", "--host", "10.1.0.0/16", "--per-minute", "60", "--days", "90"]
    done = run.invoke(app, ["keys", "create", "report", "--tenant", tenant, "--person", "Ana", *limits])
    assert done.exit_code == 0, done.stderr
    shown = run.invoke(app, ["keys", "list", "--tenant", tenant]).stdout
    assert "ana" in shown
    for wrong in (["--permission", "documents:write"], ["--host", "here"], ["--person", " "]):
        with pytest.raises(InvalidKeyTerms):
            refused = run.invoke(app, ["keys", "create", "report", "--tenant", tenant, *wrong])
            raise refused.exception or AssertionError(refused.stdout)


def test_an_identity_is_listed_revoked_and_admitted_at_the_command_line(run: CliRunner) -> None:
    tenant, at = uuid4().hex, datetime.now(UTC)
    made(run, tenant, "a key")

    async def come(state: State) -> UUID:
        tenant_id = await state.identity.tenant(tenant)
        ana = StoredIdentity(
            uuid4(), tenant_id, "https://login.example.com", "u-1", "ana", ["user"], [], at.timestamp(), at, None, None
        )
        async with state.database.transaction(tenant_id) as connection:
            await identity_rows.store(connection, ana)
        return ana.id

    identity = str(with_state(come))
    assert identity in run.invoke(app, ["identities", "list", "--tenant", tenant]).stdout
    with pytest.raises(IdentityNotFound):
        raise run.invoke(app, ["identities", "admit", identity, "--tenant", tenant]).exception or AssertionError
    for command, words in (("revoke", "is revoked"), ("admit", "is admitted again")):
        done = run.invoke(app, ["identities", command, identity, "--tenant", tenant])
        assert words in done.stdout, done.exception
    log = run.invoke(app, ["audit", "list"]).stdout
    assert "identity.revoke" in log
    assert "identity.admit" in log
