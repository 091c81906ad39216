import psycopg
import pytest

from app.core.embedded import Urls


@pytest.fixture
def empty_budgets(database_urls: Urls) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute("truncate budget_limits, budget_own_limits, budget_windows, budget_shards, budget_holds")
