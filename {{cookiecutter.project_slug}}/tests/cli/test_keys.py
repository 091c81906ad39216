import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.cli.run import development_key
from app.core.embedded import Urls
from app.identity.domain import KeyAmbiguous, KeyNotFound
from app.settings import Settings
from app.wiring import build
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
