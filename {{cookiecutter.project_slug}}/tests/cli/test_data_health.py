"""The health of data at the command line: nothing checked, a flood and a table with other columns, as usual."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from typer.testing import CliRunner

from app.cli import app
from app.core.embedded import Urls
from app.settings import Settings
from tests.cli.test_costs_and_version import run
from tests.cli.test_drift import create
from tests.monitoring.stored import PastVersion, store_versions

__all__ = ["run"]


def test_what_is_unhealthy_is_named_with_its_documents(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    name, now = f"desk-{uuid4()}", datetime.now(UTC)
    tenant = create(database_urls, settings, name)

    def call(*arguments: str) -> tuple[int, str]:
        done = run.invoke(app, ["monitoring", "data", "--tenant", name, *arguments])
        return done.exit_code, " ".join(done.output.split())

    status, said = call()
    assert status == 0
    assert "was not checked yet" in said

    at = [now - timedelta(days=day, hours=1) for day in range(1, 30)]
    usual = [PastVersion(tenant, each, status="superseded", columns=["id", "price"]) for each in at]
    store_versions(database_urls, [*usual, PastVersion(tenant, now, status="received")])
    status, said = call("--now")
    assert status == 0
    assert "freshness" in said

    changed = PastVersion(tenant, now, columns=["id", "amount", "[red]"])
    closed = PastVersion(tenant, now, columns=["secret"], groups=["board"])
    flood = [PastVersion(tenant, now - timedelta(hours=2)) for _ in range(30)]
    store_versions(database_urls, [changed, closed, *flood])
    assert call()[0] == 0  # of the check before
    status, said = call("--now")
    assert status == 1
    assert f"prices {changed.id}.csv" in said
    assert "missing: price" in said
    assert "added: [red]" in said
    assert "secret" not in said
    assert "secret" in call("--group", "board")[1]
