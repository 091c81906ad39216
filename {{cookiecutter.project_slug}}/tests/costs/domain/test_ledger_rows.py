from datetime import date

from app.costs.domain.ledger_rows import SUMMED, CostReport, CostTotal, with_people

DAY = date(2026, 11, 22)
NOTHING = CostTotal("", 0, 0, 0, 0, 0, 0)


def total(key: str, calls: int, micro_usd: int) -> CostTotal:
    return CostTotal(key, calls, 10 * calls, calls, 5 * calls, 2 * calls, micro_usd)


def report(*keys: CostTotal) -> CostReport:
    return CostReport(DAY, DAY, "UTC", NOTHING, (), (), (), (), (), keys)


def test_the_keys_of_one_person_are_added_up_and_keep_their_names() -> None:
    keys = {"1": ("laptop", "ada"), "2": ("phone", "ada"), "3": ("robot", "grace")}
    found = with_people(report(total("1", 1, 100), total("2", 2, 50), total("3", 3, 120)), keys)
    assert [(each.key, each.name) for each in found.by_key] == [("1", "laptop"), ("2", "phone"), ("3", "robot")]
    assert found.by_person == (total("ada", 3, 150), total("grace", 3, 120))


def test_what_no_key_or_an_unknown_one_asked_for_is_of_nobody() -> None:
    found = with_people(report(total("", 1, 5), total("gone", 1, 7)), {"1": ("laptop", "ada")})
    assert [each.name for each in found.by_key] == ["", ""]
    assert found.by_person == (total("", 2, 12),)


def test_people_of_equal_cost_are_sorted_by_calls_and_then_by_name() -> None:
    keys = {key: ("", person) for key, person in {"1": "zoe", "2": "ada", "3": "bob", "4": "kim"}.items()}
    totals = total("1", 1, 9), total("2", 1, 9), total("3", 2, 9), total("4", 1, 10)
    assert [each.key for each in with_people(report(*totals), keys).by_person] == ["kim", "bob", "ada", "zoe"]


def test_no_money_is_lost_between_keys_and_people() -> None:
    totals = [total(str(number), number, number**2) for number in range(12)]
    found = with_people(report(*totals), {str(number): ("", f"person {number % 3}") for number in range(9)})
    for name in SUMMED:
        assert sum(getattr(each, name) for each in found.by_person) == sum(getattr(each, name) for each in totals)


def test_a_report_without_keys_has_no_people() -> None:
    assert with_people(report(), {}).by_person == ()
