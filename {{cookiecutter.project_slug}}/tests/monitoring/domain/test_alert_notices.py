"""What the person on call gets to see of an alert, and by what it is recognised."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.core.objectives import Objectives
from app.monitoring.domain.alert_notices import MAX_TITLE, AlertNotice, drill_notices
from app.monitoring.domain.rules import alerts_of
from app.monitoring.schemas.objective_models import AlertsRequest

AT = datetime(2026, 5, 1, 12, 0, 0, 500_000, tzinfo=UTC)
NOTICE = AlertNotice("ab12", "firing", AT, "ModelCircuitOpened", "ticket", "opened 4 times", "docs/runbooks/x.md")


class TestIds:
    def test_both_states_have_one(self) -> None:
        assert replace(NOTICE, state="resolved").id == NOTICE.id

    @pytest.mark.parametrize("hours", [-11, 0, 2, 14])
    def test_the_same_moment_in_another_time_zone_is_the_same_alert(self, hours: int) -> None:
        assert replace(NOTICE, starts_at=AT.astimezone(timezone(timedelta(hours=hours)))).id == NOTICE.id

    def test_another_alert_or_another_start_has_another(self) -> None:
        others = [
            replace(NOTICE, fingerprint="ab13"),
            replace(NOTICE, starts_at=AT + timedelta(microseconds=1)),
            replace(NOTICE, starts_at=AT.replace(tzinfo=timezone(timedelta(hours=2)))),
        ]
        assert len({NOTICE.id, *(each.id for each in others)}) == 4

    @pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
    def test_a_moment_at_the_end_of_time_has_one(self, at: str) -> None:
        notice = replace(NOTICE, starts_at=datetime.fromisoformat(at))
        assert replace(notice, state="resolved").id == notice.id


class TestTitles:
    def test_a_title_says_how_bad_it_is_and_what(self) -> None:
        assert NOTICE.title == "ticket ModelCircuitOpened: opened 4 times"
        assert replace(NOTICE, severity="").title == "alert ModelCircuitOpened: opened 4 times"

    def test_a_drill_says_so_first_however_long_the_rest_is(self) -> None:
        title = replace(NOTICE, drill=True, summary="x" * 5000).title
        assert title.startswith("DRILL, nothing happened: ticket ModelCircuitOpened: xxx")
        assert len(title) == MAX_TITLE


def test_a_drill_has_each_alert_with_its_page_and_its_severity() -> None:
    alerts = alerts_of(Objectives())
    notices = drill_notices(alerts, AT)
    for alert, notice in zip(alerts, notices, strict=True):
        assert notice.drill
        assert notice.state == "firing"
        assert (notice.severity, notice.runbook) == (
            alert.severity,
            f"docs/runbooks/{alert.annotations.runbook}.md",
        )
    later = drill_notices(alerts, AT + timedelta(days=1))
    assert [each.fingerprint for each in later] == [each.fingerprint for each in notices]
    assert not {each.id for each in later} & {each.id for each in notices}
    assert drill_notices([], AT) == []


def sent(**changes: object) -> dict[str, object]:
    alert = {"status": "firing", "labels": {}, "startsAt": "2026-05-01T12:00:00Z", "fingerprint": "0f", **changes}
    return {"alerts": [alert]}


class TestWhatAlertmanagerSends:
    def test_an_alert_without_any_label_is_taken_all_the_same(self) -> None:
        [alert] = AlertsRequest.model_validate(sent()).alerts
        assert (alert.notice.title, alert.notice.runbook) == ("alert an alert: ", "")

    def test_no_alert_is_fine(self) -> None:
        assert AlertsRequest.model_validate({"version": "4", "alerts": []}).alerts == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "suppressed"},
            {"startsAt": "2026-05-01T12:00:00"},
            {"startsAt": None},
            {"fingerprint": ""},
            {"fingerprint": "AB12"},
            {"fingerprint": "0f\n"},
            {"fingerprint": "0" * 65},
            {"labels": {str(n): "" for n in range(51)}},
            {"labels": {"alertname": "x" * 2001}},
            {"labels": {"x" * 201: ""}},
            {"annotations": {"summary": ["a list"]}},
        ],
    )
    def test_what_is_no_alert_is_refused(self, changes: dict[str, object]) -> None:
        with pytest.raises(ValueError, match="validation error"):
            AlertsRequest.model_validate(sent(**changes))

    def test_too_many_at_once_are_refused(self) -> None:
        with pytest.raises(ValueError, match="at most 1000"):
            AlertsRequest.model_validate({"alerts": sent()["alerts"] * 1001})  # type: ignore[operator]
