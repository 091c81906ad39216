"""Error budgets at their bounds: hardly any events, targets next to 1, several that are spent."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.core.objectives import ErrorBudgetRules, Objectives
from app.monitoring.domain.error_budget import BudgetException, ErrorBudget, EventCount, error_budgets, frozen_by
from app.monitoring.schemas.objective_models import ErrorBudgetsResponse

NOW = datetime(2026, 5, 1, tzinfo=UTC)
RULES = ErrorBudgetRules()


def budget(bad: int, events: int, target: float = 0.9, objective: str = "available", least: int = 1) -> ErrorBudget:
    return ErrorBudget(objective, target, bad, events, least)


class TestBounds:
    @pytest.mark.parametrize(
        ("bad", "events", "target", "used", "state"),
        [
            (0, 0, 0.9, 0.0, "unjudged"),
            (0, 1, 0.9, 0.0, "left"),
            (1, 1, 0.9, 10.0, "spent"),
            (1, 10, 0.9, 1.0, "left"),
            (3, 30, 0.9, 1.0, "left"),
            (5, 1000, 0.995, 1.0, "left"),
            (6, 1000, 0.995, 1.2, "spent"),
            (0, 4, 0.99999999, 0.0, "left"),
            (1, 4, 0.99999999, 25_000_000, "spent"),
        ],
    )
    def test_the_share_that_was_used(self, bad: int, events: int, target: float, used: float, state: str) -> None:
        made = budget(bad, events, target)
        assert made.used == pytest.approx(used)
        assert made.left == pytest.approx(max(0.0, 1 - used))
        assert made.state == state

    @pytest.mark.parametrize(("events", "state"), [(49, "unjudged"), (50, "spent")])
    def test_as_many_events_as_are_needed_are_enough(self, events: int, state: str) -> None:
        assert budget(events, events, least=50).state == state

    def test_the_response_has_figures_also_where_next_to_nothing_is_allowed(self) -> None:
        response = ErrorBudgetsResponse.of(
            [budget(1, 4, 0.99999999), budget(0, 9, objective="answered")], 30, ["answered"]
        )
        assert [each.state for each in response.budgets] == ["spent", "left"]
        assert response.freezes == [], "a budget that is spent freezes only where the policy says so"


class TestCounts:
    def test_objectives_without_any_event_come_too_in_the_order_of_the_policy(self) -> None:
        objectives = Objectives()
        made = error_budgets(objectives, {"processed": EventCount(1, 2)})
        names = [name for name in Objectives.model_fields if name not in ("window_days", "min_events")]
        assert [each.objective for each in made] == names
        assert [(each.bad, each.events) for each in made] == [(0, 0)] * (len(names) - 1) + [(1, 2)]
        assert {each.min_events for each in made} == {objectives.min_events}

    def test_what_is_no_objective_is_left_out(self) -> None:
        assert "unheard_of" not in {
            each.objective for each in error_budgets(Objectives(), {"unheard_of": EventCount(1, 1)})
        }


class TestFreeze:
    def test_the_worst_is_named_by_what_was_used_and_not_by_how_many_were_bad(self) -> None:
        many, worst = budget(300, 1000), budget(9, 10, objective="grounded")
        for order in ([many, worst], [worst, many]):
            assert "'grounded' and 1 more is spent (900% used)" in (frozen_by(order, RULES, [], NOW) or "")

    def test_one_alone_is_named_alone(self) -> None:
        stops = frozen_by([budget(20, 100), budget(0, 100, objective="grounded")], RULES, [], NOW) or ""
        assert stops.startswith("The error budget of 'available' is spent (200% used)")

    def test_nothing_freezes_without_budgets_and_while_too_little_is_known(self) -> None:
        assert frozen_by([], RULES, [], NOW) is None
        assert frozen_by([budget(40, 40, least=50)], RULES, [], NOW) is None

    @pytest.mark.parametrize("others", [[], [-30], [-30, 5]])
    def test_one_exception_of_this_moment_is_enough_beside_others(self, others: list[int]) -> None:
        def exempt(days: int) -> BudgetException:
            at = NOW + timedelta(days=days)
            return BudgetException(uuid4(), "r", "override", "bob", "a law", at, at + timedelta(days=7))

        ended = [exempt(days) for days in others]
        assert frozen_by([budget(20, 100)], RULES, ended, NOW)
        assert frozen_by([budget(20, 100)], RULES, [*ended, exempt(-1)], NOW) is None
