from collections.abc import Iterable
from dataclasses import dataclass

from app.evaluation.domain.gate import MetricFinding
from app.evaluation.domain.report import Report
from app.evaluation.service.rendering.wording import MARKS, change, parts, span, value, whole

COLUMNS = ("metric", "cases", "before", "after", "difference", "95 % interval", "tolerance", "verdict", "reason")


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Plain cells; `verdicts` has one entry a row, for whoever wants to colour it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    verdicts: tuple[str, ...]


def as_tables(report: Report, slices: bool = False) -> tuple[ReportTable, ...]:
    """The suite as a whole; and the slices: all of them, or else those in which something blocks."""
    shown = [each for each in parts(report) if slices or (each.blocking and each.verdict != "PASS")]
    tables = [_table("The whole suite", whole(report), report, ())]
    if shown:
        tables.append(_table("Slices", shown, report, ("slice",)))
    return tuple(tables)


def _table(title: str, findings: Iterable[MetricFinding], report: Report, first: tuple[str, ...]) -> ReportTable:
    found = list(findings)
    level = f"{100 * (1 - report.policy.alpha):g} % interval"
    columns = tuple(level if column == "95 % interval" else column for column in COLUMNS)
    return ReportTable(
        title=title,
        columns=(*first, *columns),
        rows=tuple((*((each.slice,) if first else ()), *cells(each)) for each in found),
        verdicts=tuple(each.verdict for each in found),
    )


def cells(finding: MetricFinding) -> tuple[str, ...]:
    shown = f"{MARKS[finding.verdict]} {finding.verdict}" + ("" if finding.blocking else " (does not block)")
    tolerance = change(finding, -finding.tolerance) if finding.difference is not None else "-"
    return (
        finding.metric,
        f"{finding.cases} from {finding.clusters}",
        value(finding, finding.baseline),
        value(finding, finding.candidate),
        change(finding, finding.difference),
        span(finding),
        tolerance,
        shown,
        finding.reason,
    )
