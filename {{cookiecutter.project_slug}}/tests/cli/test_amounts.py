"""Amounts and windows of budgets are checked before anything is opened."""

import pytest
from typer.testing import CliRunner, Result

from app.cli import app


def budget(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["budget", *arguments, "--reason", "a test"])


@pytest.mark.parametrize("command", ["set", "grant"])
@pytest.mark.parametrize("window", ["week", "Day", "", "months"])
def test_a_window_is_a_day_or_a_month(command: str, window: str) -> None:
    done = budget(command, window, "1")
    assert done.exit_code == 2
    assert "the window is 'day' or 'month'" in done.output


@pytest.mark.parametrize("command", ["set", "grant"])
@pytest.mark.parametrize("usd", ["much", "", "nan", "inf", "1,50", "0.0000001", "1000000001", "12.50 USD"])
def test_an_amount_is_a_number_of_dollars_to_the_micro_dollar(command: str, usd: str) -> None:
    done = budget(command, "day", usd)
    assert done.exit_code == 2
    assert "a number of US dollars such as 12.50" in done.output


@pytest.mark.parametrize("command", ["set", "grant"])
def test_an_amount_below_zero_is_none(command: str) -> None:
    done = CliRunner().invoke(app, ["budget", command, "--reason", "a test", "--", "day", "-1"])
    assert done.exit_code == 2


@pytest.mark.parametrize("usd", ["0", "0.000000"])
def test_a_grant_adds_something(usd: str) -> None:
    done = budget("grant", "day", usd)
    assert done.exit_code == 2
    assert "a grant is more than 0" in done.output


@pytest.mark.parametrize("command", ["set", "grant"])
def test_a_change_of_a_budget_has_a_reason(command: str) -> None:
    done = CliRunner().invoke(app, ["budget", command, "day", "1"])
    assert done.exit_code == 2
    assert "--reason" in done.output
