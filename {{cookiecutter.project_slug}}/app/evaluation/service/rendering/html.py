from collections.abc import Iterable, Mapping
from html import escape
from itertools import groupby

from app.evaluation.domain.gate import MetricFinding
from app.evaluation.domain.metrics import METRICS
from app.evaluation.domain.report import ReleaseAnswer, Report, WorsenedCase, worst_cases
from app.evaluation.service.rendering.charts import differences, levels
from app.evaluation.service.rendering.report_tables import ReportTable, as_tables
from app.evaluation.service.rendering.style import STYLE
from app.evaluation.service.rendering.wording import MARKS, headline, notes, parts, reasons, short, whole

_WORST = 50
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_WORDS = {
    "PASS": "No metric fell beyond its tolerance.",
    "FAIL": "The gate blocks this release.",
    "INCONCLUSIVE": "Inconclusive: too few cases. Inconclusive blocks the release.",
}


def as_html(report: Report) -> str:
    """One file that needs nothing else: no script, no address, every text escaped."""
    sections = (_top(report), _why(report), _whole(report), _slices(report), _worse(report), _end(report))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(headline(report))}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )


def _top(report: Report) -> str:
    facts = {
        "Candidate": short(report.candidate.release_id),
        "Compared with": short(report.baseline.release_id) if report.baseline else "nothing: floors only",
        "Suite": f"{report.candidate.suite} · {len(report.candidate.cases)} cases",
        "ProtectedCases": f"{sum(case.protected for case in report.candidate.cases)} cases",
        "Judged": report.created_at.strftime("%Y-%m-%d %H:%M UTC"),
    }
    told = "".join(f"<div><dt>{escape(each)}</dt><dd>{escape(fact)}</dd></div>" for each, fact in facts.items())
    return (
        f'<header class="{report.verdict.lower()}"><p class="badge">{MARKS[report.verdict]} {report.verdict}</p>'
        f"<h1>{_WORDS[report.verdict]}</h1><dl>{told}</dl></header>"
    )


def _why(report: Report) -> str:
    told = "".join(f"<li>{escape(each)}</li>" for each in reasons(report))
    noted = "".join(f"<p>{escape(each)}</p>" for each in notes(report))
    return noted + (f'<section><h2>Blocking reasons</h2><ul class="why">{told}</ul></section>' if told else "")


def _whole(report: Report) -> str:
    findings = whole(report)
    if not findings:
        return ""
    return (
        "<section><h2>The whole suite</h2>"
        + _figure(
            differences(findings, _metric, "Difference by metric"),
            "Difference from the baseline; right is better. The shaded area is the tolerance: a bar that stays right "
            "of its edge passes. Latency and cost are relative to the baseline.",
        )
        + _figure(
            levels(findings, _metric, "Value by metric"),
            "The candidate as a bar, the baseline as a ring, the floor as a line.",
        )
        + f"<details><summary>All figures</summary>{''.join(_grid(each) for each in as_tables(report)[:1])}</details>"
        + "</section>"
    )


def _metric(finding: MetricFinding) -> str:
    return finding.metric


def _slice(finding: MetricFinding) -> str:
    return f"{finding.slice} ({finding.cases})"


def _figure(chart: str, caption: str) -> str:
    return f"<figure>{chart}<figcaption>{escape(caption)}</figcaption></figure>" if chart else ""


def _slices(report: Report) -> str:
    order = list(METRICS)
    found = sorted(parts(report), key=lambda each: (order.index(each.metric), each.slice))
    if not found:
        return ""
    blocks = "".join(_by_metric(name, list(group)) for name, group in groupby(found, key=_metric))
    tables = "".join(_grid(each) for each in as_tables(report, slices=True)[1:])
    return (
        "<section><h2>By slice</h2><p>Blocking slices are coloured. Grey ones are advisory, or have too few "
        "cases for a test and are judged by their floors.</p>"
        f"{blocks}<details><summary>All figures</summary>{tables}</details></section>"
    )


def _by_metric(name: str, findings: list[MetricFinding]) -> str:
    blocked = sum(each.blocking and each.verdict != "PASS" for each in findings)
    note = f'<span class="count">{blocked} blocking</span>' if blocked else ""
    chart = differences(findings, _slice, f"{name} by slice") or levels(findings, _slice, f"{name} by slice")
    floors = levels(findings, _slice, f"{name} by slice, with floors") if findings[0].difference is not None else ""
    return (
        f"<details{' open' if blocked else ''}><summary>{escape(name)}{note}"
        f'<span class="harm">{escape(METRICS[name].harm)}</span></summary>'
        f"{_figure(chart, '')}{_figure(floors, '')}</details>"
    )


def _grid(table: ReportTable) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "".join(
        f'<tr class="{verdict.lower()}">{"".join(f"<td>{escape(cell)}</td>" for cell in row)}</tr>'
        for row, verdict in zip(table.rows, table.verdicts, strict=True)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _worse(report: Report) -> str:
    count = len({case_id for case_id, *_ in report.judgement.worse})
    cases = worst_cases(report, _WORST)
    if not cases:
        return ""
    fallen = set(report.judgement.fallen)
    told = "".join(_case(case, metrics, case.case_id in fallen) for case, metrics in cases)
    return f"<section><h2>{count} {'case' if count == 1 else 'cases'} got worse</h2>{told}</section>"


def _case(case: WorsenedCase, metrics: Mapping[str, tuple[float, float]], fallen: bool) -> str:
    chips = "".join(
        f'<span class="chip">{escape(name)} <b>{old:.3g} → {new:.3g}</b></span>' for name, (old, new) in metrics.items()
    )
    guard = '<span class="chip guard">protected</span>' if fallen else ""
    return (
        f'<article><header><h3>{escape(case.question)}</h3><p><span class="id">{escape(case.case_id)}</span>'
        f'{guard}{chips}</p></header><div class="sides">'
        f"{_side('Before', case.before)}{_side('After', case.after)}</div></article>"
    )


def _side(title: str, told: ReleaseAnswer | None) -> str:
    if told is None:
        return f'<div class="side"><h4>{title}</h4><p class="soft">not known</p></div>'
    refused = '<span class="chip">refused</span>' if told.refused else ""
    return f'<div class="side"><h4>{title}{refused}</h4><p>{escape(told.text)}</p>{_citations(told.citations)}</div>'


def _citations(quotes: Iterable[str]) -> str:
    told = "".join(f"<li>{escape(each)}</li>" for each in quotes)
    return f"<ol>{told}</ol>" if told else '<p class="soft">no citation</p>'


def _end(report: Report) -> str:
    facts = (
        ("Report", report.digest),
        ("Suite", report.candidate.suite_digest),
        ("Policy", report.policy_digest),
        ("Candidate", report.candidate.release_id),
        ("Baseline", report.baseline.release_id if report.baseline else "-"),
        ("Seed", str(report.seed)),
    )
    told = "".join(f"<div><dt>{name}</dt><dd>{escape(fact)}</dd></div>" for name, fact in facts)
    return f'<footer><dl class="digests">{told}</dl></footer>'
