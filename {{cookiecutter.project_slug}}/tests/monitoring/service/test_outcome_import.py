"""Every line of a file of outcomes is stored, or named with what is wrong with it; nothing ends in a crash."""

from io import StringIO
from uuid import UUID, uuid4

import pytest

from app.core.embedded import Urls
from app.identity.domain import Principal
from app.monitoring.service.outcome_import import ImportResult, OutcomeFileUnusable, import_outcomes
from app.wiring import State
from tests.monitoring.stored import PastAnswer, ago, store

HEADER = "answer_id,outcome,amount,at"


@pytest.fixture
def answer(database_urls: Urls, tenant: UUID) -> UUID:
    given = PastAnswer(tenant, at=ago(hours=2))
    store(database_urls, [given])
    return given.id


async def imported(state: State, caller: Principal, *lines: str, header: str = HEADER) -> ImportResult:
    return await import_outcomes(state.monitoring.business, caller, StringIO("\n".join([header, *lines])))


BAD = {
    "{id},delighted,,": "There is no outcome 'delighted'",
    "{id},Resolved,,": "There is no outcome 'Resolved'",
    "{id},,,": "There is no outcome ''",
    "{id}": "There is no outcome ''",
    "{id}," + "x" * 900 + ",,": f"There is no outcome '{'x' * 40}';",
    "no-id,resolved,,": "'no-id' is no id of an answer.",
    ",resolved,,": "'' is no id of an answer.",
    "{id}0,resolved,,": "is no id of an answer.",
    "{other},resolved,,": "There is no answer",
    "{id},minutes_saved,much,": "'much' is no amount between 0 and 1,000,000.",
    "{id},minutes_saved,0,": "'0' is no amount",
    "{id},minutes_saved,-0.0,": "'-0.0' is no amount",
    "{id},minutes_saved,-3,": "'-3' is no amount",
    "{id},minutes_saved,0.00001,": "'0.00001' is no amount",
    "{id},minutes_saved,1e-400,": "'1e-400' is no amount",
    "{id},minutes_saved,1000000.0001,": "'1000000.0001' is no amount",
    "{id},minutes_saved,1e999999,": "'1e999999' is no amount",
    "{id},minutes_saved,NaN,": "'NaN' is no amount",
    "{id},minutes_saved,sNaN,": "'sNaN' is no amount",
    "{id},minutes_saved,Infinity,": "'Infinity' is no amount",
    '{id},minutes_saved,"1,5",': "'1,5' is no amount",
    "{id},resolved,2,": "'resolved' happens or not.",
    "{id},resolved,,yesterday": "'yesterday' is no time such as",
    "{id},resolved,,2026-02-30T12:00:00Z": "'2026-02-30T12:00:00Z' is no time",
    "{id},resolved,,2026-01-31T12:00:00": "has no time zone.",
    "{id},resolved,,2026-01-31": "has no time zone.",
    "{id},resolved,,0001-01-01T00:00:00": "is no time such as",
    "{id},resolved,,0001-01-01T00:00:00+14:00": "the outcome of",
    "{id},resolved,,9999-12-31T23:59:59-14:00": "the outcome of 9999-12-31 23:59.",
    "{id},resolved,,,": "It has more cells than the first line.",
}
"""Lines, and what is said of each."""


async def test_each_bad_line_is_named_with_its_number_and_its_cells(
    state: State, principal: Principal, answer: UUID
) -> None:
    lines = [line.format(id=answer, other=uuid4()) for line in BAD]
    result = await imported(state, principal, *lines)
    assert (result.lines, dict(result.results)) == (len(BAD), {})
    for number, (said, rejected, line) in enumerate(zip(BAD.values(), result.rejected, lines, strict=True), start=2):
        assert said in rejected.reason, line
        assert rejected.number == number
        assert '"' in line or ",".join(rejected.cells) == line


async def test_what_a_line_may_look_like(state: State, principal: Principal, answer: UUID) -> None:
    moment = ago(minutes=20)
    lines = [
        f" {answer} , minutes_saved , 0.0001 , {moment.isoformat()} ",
        "",
        f'{str(answer).upper()},minutes_saved,"1000000",{ago(minutes=10).isoformat()}',
        f"{answer},minutes_saved,1000000.0,",
        f"{answer},minutes_saved,5,{moment.isoformat()}",
        f"{answer},resolved",
        f"{answer},resolved,1.0000,",
    ]
    result = await imported(state, principal, *lines, header="Answer_ID , OUTCOME,amount,at")
    assert result.rejected == []
    assert result.lines == 6, "an empty line is none"
    assert result.results == {"recorded": 2, "replaced": 1, "unchanged": 2, "superseded": 1}


async def test_columns_may_stand_in_any_order_and_two_of_them_are_enough(
    state: State, principal: Principal, answer: UUID
) -> None:
    assert (await imported(state, principal, f"resolved,{answer}", header="outcome,answer_id")).results == {
        "recorded": 1
    }


async def test_a_cell_over_several_lines_is_counted_by_its_last_one(
    state: State, principal: Principal, answer: UUID
) -> None:
    result = await imported(state, principal, f'{answer},"re\nsolved",,', f"{answer},delighted,,")
    assert [each.number for each in result.rejected] == [3, 4]
    assert result.rejected[0].cells[1] == "re\nsolved"


@pytest.mark.parametrize(
    "header",
    ["", "outcome", "answer_id,at", "answer_id,outcome,colour", "answer_id,outcome,outcome", "answer_id;outcome"],
)
async def test_a_first_line_that_names_other_columns_is_refused(
    state: State, principal: Principal, header: str
) -> None:
    with pytest.raises(OutcomeFileUnusable, match="The first line is: "):
        await imported(state, principal, header=header)


async def test_what_is_no_csv_is_refused_by_its_line_and_what_came_before_stays(
    state: State, principal: Principal, answer: UUID
) -> None:
    endless = '"' + "x" * 200_000
    with pytest.raises(OutcomeFileUnusable, match="Line 3 is no CSV: field larger than"):
        await imported(state, principal, f"{answer},resolved", endless)
    assert (await imported(state, principal, f"{answer},resolved")).results == {"unchanged": 1}
    with pytest.raises(OutcomeFileUnusable, match="Line 1 is no CSV"):
        await imported(state, principal, header=endless)
