"""Outcomes from a file: every line is stored, or named with what is wrong with it."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from app.core.errors import Invalid, Problem
from app.identity.domain import Principal
from app.monitoring.domain.outcomes import OutcomeReport, OutcomeResult
from app.monitoring.service.business import Business

COLUMNS = ("answer_id", "outcome", "amount", "at")
REQUIRED = ("answer_id", "outcome")
MAX_AMOUNT = Decimal(1_000_000)


class OutcomeFileUnusable(Invalid):
    code, title = "outcome_file_unusable", "The file is no table of outcomes"
    action = f"Its first line names the columns: {', '.join(COLUMNS)}; the first two are needed."


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that was not stored. number: from 1, of its last line in the file, the header's line included."""

    number: int
    cells: Sequence[str]
    reason: str


@dataclass(slots=True)
class ImportResult:
    """lines: all of the file, without its header: each is counted in one of the results, or rejected."""

    header: Sequence[str]
    lines: int = 0
    results: Counter[OutcomeResult] = field(default_factory=Counter)
    rejected: list[RejectedLine] = field(default_factory=list)


async def import_outcomes(business: Business, caller: Principal, lines: Iterable[str]) -> ImportResult:
    """Stores the outcomes of a CSV file, each in a transaction of its own, so that a second import goes on where the
    first one ended. Errors: OutcomeFileUnusable, also at a line that is no CSV, after which no line can be trusted;
    DatabaseUnavailable.
    """
    reader = csv.reader(lines)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if not set(REQUIRED) <= set(header) or set(header) - set(COLUMNS) or len(set(header)) < len(header):
            raise OutcomeFileUnusable(f"The first line is: {', '.join(header)[:200]}.")
        result = ImportResult(header)
        for cells in filter(None, reader):
            await _import_line(business, caller, result, cells, reader.line_num)
    except csv.Error as error:
        raise OutcomeFileUnusable(f"Line {reader.line_num} is no CSV: {error}.") from None
    return result


async def _import_line(
    business: Business, caller: Principal, result: ImportResult, cells: Sequence[str], number: int
) -> None:
    result.lines += 1
    try:
        stored = await business.record(caller, _read(result.header, cells))
        result.results[stored[1]] += 1
    except Problem as problem:
        if problem.status >= 500:
            raise
        result.rejected.append(RejectedLine(number, cells, problem.detail or problem.title))


def _read(header: Sequence[str], cells: Sequence[str]) -> OutcomeReport:
    """Errors: Invalid, saying which cell is wrong."""
    if len(cells) > len(header):
        raise Invalid("It has more cells than the first line.")
    values = dict.fromkeys(COLUMNS, "") | {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    try:
        answer_id = UUID(values["answer_id"])
    except ValueError:
        raise Invalid(f"'{values['answer_id'][:40]}' is no id of an answer.") from None
    return OutcomeReport(answer_id, values["outcome"], _amount(values["amount"]), _moment(values["at"]))


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text or 1)
    except InvalidOperation:
        amount = Decimal("nan")
    if not (amount.is_finite() and 0 < amount <= MAX_AMOUNT and (stored := round(amount, 4))):
        raise Invalid(f"'{text[:40]}' is no amount between 0 and {MAX_AMOUNT:,}.")
    return stored


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        at.timestamp()
    except (ValueError, OverflowError):
        raise Invalid(f"'{text[:40]}' is no time such as 2026-01-31T12:00:00Z.") from None
    if at.tzinfo is None:
        raise Invalid(f"'{text[:40]}' has no time zone.")
    return at
