"""How a report is put into words; the same on the console, in a pull request and on the page."""

from app.evaluation.domain.gate import WHOLE, MetricFinding, format_value
from app.evaluation.domain.metrics import METRICS
from app.evaluation.domain.report import Report

MARKS = {"PASS": "✓", "FAIL": "✗", "INCONCLUSIVE": "?"}


def headline(report: Report) -> str:
    count = len(report.candidate.cases)
    against = f"release {short(report.baseline.release_id)}" if report.baseline else "no other release"
    return (
        f"{report.verdict}: release {short(report.candidate.release_id)} against {against} "
        f"on suite {report.candidate.suite} ({count} {'case' if count == 1 else 'cases'})"
    )


def notes(report: Report) -> tuple[str, ...]:
    """The state of the documents that were asked about, where the report tells it, and what else was noted."""
    places = [f"{version} of tenant {tenant}" for tenant, version in sorted(report.corpus.items())]
    return (*report.notes, *([f"Measured on corpus version {', '.join(places)}."] if places else ()))


def reasons(report: Report) -> tuple[str, ...]:
    """What stands in the way of a PASS, the weightiest first; nothing for a PASS."""
    judgement = report.judgement
    blocking = [each for each in judgement.findings if each.blocking]
    fallen = (f"protected case {case_id} fell" for case_id in judgement.fallen)
    failed = (f"{name(each)}: {each.reason}" for each in blocking if each.verdict == "FAIL")
    doubted = (f"{name(each)}: {each.reason}" for each in blocking if each.verdict == "INCONCLUSIVE")
    return (*judgement.faults, *fallen, *failed, *doubted)


def name(finding: MetricFinding) -> str:
    return finding.metric if finding.slice == WHOLE else f"{finding.metric} in {finding.slice}"


def short(release_id: str) -> str:
    return release_id[:12]


def value(finding: MetricFinding, number: float | None) -> str:
    return format_value(finding.metric, number)


def change(finding: MetricFinding, number: float | None) -> str:
    """A difference with its sign; plus is better."""
    if number is None:
        return "-"
    return f"{100 * number:+.0f}%" if METRICS[finding.metric].relative else f"{number:+.3f}"


def span(finding: MetricFinding) -> str:
    if finding.low is None or finding.high is None:
        return "-"
    return f"{change(finding, finding.low)} to {change(finding, finding.high)}"


def whole(report: Report) -> list[MetricFinding]:
    return [each for each in report.judgement.findings if each.slice == WHOLE]


def parts(report: Report) -> list[MetricFinding]:
    return [each for each in report.judgement.findings if each.slice != WHOLE]
