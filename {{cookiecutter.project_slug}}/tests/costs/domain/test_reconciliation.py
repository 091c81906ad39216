from datetime import date

import pytest

from app.costs.domain.reconciliation import DailyUsage, ExportUnusable, compare, read_export

DAY = date(2026, 11, 22)
HEADER = "day,model,input_tokens,output_tokens,usd\n"


@pytest.mark.parametrize(
    ("export", "usage"),
    [
        ("usage_date,model_id,n_context_tokens_total,n_generated_tokens_total\n2026-11-22,m,3,4\n", DailyUsage(3, 4)),
        ("date,model_name,prompt_tokens,completion_tokens\n2026-11-22T23:59:59+00:00,m,3,4\n", DailyUsage(3, 4)),
        (f"{HEADER}2026-11-22,m,3,4,\n", DailyUsage(3, 4)),
        (f"{HEADER}2026-11-22,m,,,0\n", DailyUsage(0, 0, 0)),
        (f"{HEADER}2026-11-22,m,3,4,1e-6\n", DailyUsage(3, 4, 1)),
        (f"{HEADER}2026-11-22,m,3,4,12.5\n", DailyUsage(3, 4, 12_500_000)),
        (f'{HEADER}2026-11-22,"m",3,4,0.0000004\n', DailyUsage(3, 4, 0)),
        (f"\ufeff{HEADER}2026-11-22,m,3,4,\r\n", DailyUsage(3, 4)),
        ('\ufeff{"day": "2026-11-22", "model": "m", "input_tokens": 3}', DailyUsage(3, 0)),
        ('\n  {"day": "2026-11-22", "model": "m", "output_tokens": 3, "usd": null}', DailyUsage(0, 3)),
        ('{"day": null, "date": "2026-11-22", "model": "m", "cost": 0.5}', DailyUsage(0, 0, 500_000)),
    ],
)
def test_the_names_and_layouts_of_exports(export: str, usage: DailyUsage) -> None:
    assert read_export(export.encode()) == {(DAY, "m"): usage}


def test_an_amount_counts_where_only_some_lines_have_one() -> None:
    export = f"{HEADER}2026-11-22,m,1,1,\n2026-11-22,m,1,1,0.000002\n2026-11-22,m,1,1,\n"
    assert read_export(export.encode()) == {(DAY, "m"): DailyUsage(3, 3, 2)}


@pytest.mark.parametrize(
    ("export", "message"),
    [
        (f"{HEADER}2026-11-22,m,1,1,0\n2026-11-31,m,1,1,0\n", "Line 2 lacks"),
        (f"{HEADER}2026-11-22,m,one,1,0\n", "Line 1 lacks"),
        (f"{HEADER}2026-11-22,m,1,1,-0.1\n", "Line 1 lacks"),
        (f"{HEADER}2026-11-22,m,1,1,Infinity\n", "Line 1 lacks"),
        (f"{HEADER}2026-11-22,m,1,1,much\n", "Line 1 lacks"),
        (f"{HEADER},m,1,1,0\n", "Line 1 lacks"),
        ('{"model": "m"}', "Line 1 lacks"),
        ('{"day": "2026-11-22", "input_tokens": 3}', "Line 1 lacks"),
        ('{"day": "2026-11-22", "model": "m", "input_tokens": Infinity}', "Line 1 lacks"),
        ('{"day": "2026-11-22", "model": "m", "input_tokens": [1]}', "Line 1 lacks"),
        ('{"day": "2026-11-22", "model": "m"}\n\n[]\n7\n', "Line 2 lacks"),
        ('{"a": ' + "[" * 200_000, "Line 1 is not a JSON object"),
        (f'{HEADER}2026-11-22,"{"m" * 200_000}",1,1,0\n', "It is no CSV: field larger than"),
        (HEADER, "There is no line"),
        (" \n", "There is no line"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(export: str, message: str) -> None:
    with pytest.raises(ExportUnusable, match=message) as refused:
        read_export(export.encode())
    assert refused.value.as_dict()["code"] == "usage_export_unusable"


@pytest.mark.parametrize("export", [f"{HEADER}2026-11-22,modèle,1,1,0\n".encode("latin-1"), HEADER.encode("utf-16")])
def test_another_encoding_is_refused(export: bytes) -> None:
    with pytest.raises(ExportUnusable, match="not UTF-8 text"):
        read_export(export)


def test_what_neither_side_charged_is_no_deviation() -> None:
    zero = {(DAY, "m"): DailyUsage(0, 0, 0)}
    assert compare(zero, {}) == compare({}, zero) == compare({}, {}) == []


def test_deviations_are_in_the_order_of_days_and_models() -> None:
    days = [date(2026, 11, day) for day in (2, 1)]
    found = compare({(day, model): DailyUsage(1) for day in days for model in "ba"}, {})
    assert [(each.day.day, each.model) for each in found] == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]
