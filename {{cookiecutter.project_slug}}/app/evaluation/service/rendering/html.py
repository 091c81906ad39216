from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from app.core.templates import style_sheet, template_environment
from app.evaluation.domain.gate import MetricFinding
from app.evaluation.domain.metrics import METRICS
from app.evaluation.domain.report import Report, worst_cases
from app.evaluation.service.rendering.charts import Chart, DifferenceRow, LevelRow, differences, levels
from app.evaluation.service.rendering.report_tables import ReportTable, as_tables
from app.evaluation.service.rendering.wording import MARKS, headline, notes, parts, reasons, short, whole

PACKAGE = "app.evaluation"
STYLE = style_sheet(PACKAGE, "report.css")

_WORST = 50
_SUMMARIES = {
    "PASS": "No metric fell beyond its tolerance.",
    "FAIL": "The gate blocks this release.",
    "INCONCLUSIVE": "Inconclusive: too few cases. Inconclusive blocks the release.",
}


@dataclass(frozen=True, slots=True)
class WholeSection:
    differences: Chart[DifferenceRow] | None
    levels: Chart[LevelRow] | None
    table: ReportTable


@dataclass(frozen=True, slots=True)
class MetricSection:
    """One metric by slice. blocked: slices that block the release."""

    name: str
    harm: str
    blocked: int
    differences: Chart[DifferenceRow] | None
    levels: Chart[LevelRow] | None


def as_html(report: Report) -> str:
    """One page that needs nothing else: no script, no address. Every value is escaped by the template engine."""
    return (
        template_environment(PACKAGE)
        .get_template("report.html")
        .render(
            report=report,
            style=STYLE,
            headline=headline(report),
            mark=MARKS[report.verdict],
            summary=_SUMMARIES[report.verdict],
            overview=_overview(report),
            notes=notes(report),
            reasons=reasons(report),
            whole=_whole(report),
            slices=_slices(report),
            slice_tables=as_tables(report, slices=True)[1:],
            cases=worst_cases(report, _WORST),
            worse_count=len({case_id for case_id, *_ in report.judgement.worse}),
            digests=_digests(report),
        )
    )


def _overview(report: Report) -> Sequence[tuple[str, str]]:
    return (
        ("Candidate", short(report.candidate.release_id)),
        ("Compared with", short(report.baseline.release_id) if report.baseline else "nothing: floors only"),
        ("Suite", f"{report.candidate.suite} · {len(report.candidate.cases)} cases"),
        ("Protected", f"{sum(case.protected for case in report.candidate.cases)} cases"),
        ("Judged", report.created_at.strftime("%Y-%m-%d %H:%M UTC")),
    )


def _whole(report: Report) -> WholeSection | None:
    findings = whole(report)
    if not findings:
        return None
    return WholeSection(
        differences(findings, _metric, "Difference by metric"),
        levels(findings, _metric, "Value by metric"),
        as_tables(report)[0],
    )


def _slices(report: Report) -> Sequence[MetricSection]:
    order = list(METRICS)
    found = sorted(parts(report), key=lambda each: (order.index(each.metric), each.slice))
    return [_by_metric(name, list(group)) for name, group in groupby(found, key=_metric)]


def _by_metric(name: str, findings: list[MetricFinding]) -> MetricSection:
    compared = differences(findings, _slice, f"{name} by slice")
    title = f"{name} by slice, with floors" if compared else f"{name} by slice"
    blocked = sum(each.blocking and each.verdict != "PASS" for each in findings)
    return MetricSection(name, METRICS[name].harm, blocked, compared, levels(findings, _slice, title))


def _metric(finding: MetricFinding) -> str:
    return finding.metric


def _slice(finding: MetricFinding) -> str:
    return f"{finding.slice} ({finding.cases})"


def _digests(report: Report) -> Sequence[tuple[str, str]]:
    return (
        ("Report", report.digest),
        ("Suite", report.candidate.suite_digest),
        ("Policy", report.policy_digest),
        ("Candidate", report.candidate.release_id),
        ("Baseline", report.baseline.release_id if report.baseline else "-"),
        ("Seed", str(report.seed)),
    )
