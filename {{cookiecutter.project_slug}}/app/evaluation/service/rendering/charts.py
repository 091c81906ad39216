"""Inline SVG: for each finding its interval, against what is put up with; and its value, against the floor."""

from collections.abc import Callable, Sequence
from html import escape

from app.evaluation.domain.gate import MetricFinding
from app.evaluation.domain.metrics import METRICS
from app.evaluation.service.rendering.wording import change, span, value

WIDTH, LABEL, RIGHT, ROW, TOP = 800, 190, 190, 30, 30
_TICKS = (0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)


def differences(findings: Sequence[MetricFinding], label: Callable[[MetricFinding], str], title: str) -> str:
    """One row a finding; to the right is better. Empty when nothing was compared."""
    rows = [each for each in findings if each.difference is not None]
    if not rows:
        return ""
    reach = _reach(rows)
    height = TOP + ROW * len(rows) + 8
    marks = [_axis(reach, height), *(_row(each, label(each), number, reach) for number, each in enumerate(rows))]
    return _svg(height, title, marks)


def levels(findings: Sequence[MetricFinding], label: Callable[[MetricFinding], str], title: str) -> str:
    """Shares from 0 to 1, before and after, with the floor; latency and cost have no such scale and are left out."""
    rows = [each for each in findings if METRICS[each.metric].unit == "share"]
    if not rows:
        return ""
    height = TOP + ROW * len(rows) + 8
    marks = [_scale(height), *(_level(each, label(each), number) for number, each in enumerate(rows))]
    return _svg(height, title, marks)


def _svg(height: int, title: str, marks: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(marks)}</svg>"
    )


def _reach(rows: Sequence[MetricFinding]) -> float:
    """How far the axis goes each way: to the furthest mark, but not beyond where everything near zero would vanish."""
    ends = [abs(end) for row in rows for end in (row.low, row.high, row.tolerance) if end is not None]
    return min(max([*ends, 0.02]) * 1.08, 1.1)


def _x(number: float, reach: float) -> float:
    middle = (WIDTH + LABEL - RIGHT) / 2
    half = (WIDTH - LABEL - RIGHT) / 2 - 6
    return round(middle + half * max(-1.0, min(1.0, number / reach)), 1)


def _axis(reach: float, height: int) -> str:
    step = next((tick for tick in _TICKS if reach / tick <= 3.5), _TICKS[-1])
    ticks = [number * step for number in range(-int(reach / step), int(reach / step) + 1)]
    lines = (
        f'<line class="{"zero" if tick == 0 else "grid"}" x1="{_x(tick, reach)}" x2="{_x(tick, reach)}" '
        f'y1="{TOP - 6}" y2="{height - 8}"/>'
        f'<text class="tick" x="{_x(tick, reach)}" y="{TOP - 12}">{tick:+.2g}</text>'
        for tick in ticks
    )
    return "".join(lines).replace(">+0<", ">0<")


def _row(finding: MetricFinding, label: str, number: int, reach: float) -> str:
    y = TOP + ROW * number + ROW / 2
    low, high, middle = (_x(each or 0.0, reach) for each in (finding.low, finding.high, finding.difference))
    edge = _x(-finding.tolerance, reach)
    told = f"{label}: {change(finding, finding.difference)} ({span(finding)}), {finding.verdict}, {finding.reason}"
    return (
        f'<g class="{_kind(finding)}"><title>{escape(told)}</title>'
        f'<rect class="allowed" x="{edge}" y="{y - 9}" width="{round(_x(0, reach) - edge, 1)}" height="18"/>'
        f'<line class="edge" x1="{edge}" x2="{edge}" y1="{y - 9}" y2="{y + 9}"/>'
        f'<text class="label" x="{LABEL - 14}" y="{y + 4}">{escape(_cut(label))}</text>'
        f'<line class="interval" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>'
        f'<circle cx="{middle}" cy="{y}" r="5"/>'
        f'<text class="figure" x="{WIDTH - RIGHT + 12}" y="{y + 4}">{escape(change(finding, finding.difference))}'
        f'<tspan class="soft" dx="8">{escape(span(finding))}</tspan></text></g>'
    )


def _scale(height: int) -> str:
    return "".join(
        f'<line class="grid" x1="{_place(tick)}" x2="{_place(tick)}" y1="{TOP - 6}" y2="{height - 8}"/>'
        f'<text class="tick" x="{_place(tick)}" y="{TOP - 12}">{tick:g}</text>'
        for tick in (0, 0.25, 0.5, 0.75, 1)
    )


def _place(share: float) -> float:
    return round(LABEL + (WIDTH - LABEL - RIGHT) * max(0.0, min(1.0, share)), 1)


def _level(finding: MetricFinding, label: str, number: int) -> str:
    y = TOP + ROW * number + ROW / 2
    before = (
        f'<circle class="before" cx="{_place(finding.baseline)}" cy="{y}" r="5"/>'
        if finding.baseline is not None
        else ""
    )
    floor = (
        f'<line class="floor" x1="{_place(finding.floor)}" x2="{_place(finding.floor)}" y1="{y - 11}" y2="{y + 11}"/>'
        if finding.floor is not None
        else ""
    )
    told = f"{label}: {value(finding, finding.baseline)} before, {value(finding, finding.candidate)} after"
    length = round(_place(finding.candidate) - LABEL, 1)
    floored = f", floor {value(finding, finding.floor)}" if finding.floor is not None else ""
    return (
        f'<g class="{_kind(finding)}"><title>{escape(told + floored)}</title>'
        f'<text class="label" x="{LABEL - 14}" y="{y + 4}">{escape(_cut(label))}</text>'
        f'<rect class="track" x="{LABEL}" y="{y - 6}" width="{WIDTH - LABEL - RIGHT}" height="12" rx="3"/>'
        f'<rect class="bar" x="{LABEL}" y="{y - 6}" width="{length}" height="12" rx="3"/>'
        f"{before}{floor}"
        f'<text class="figure" x="{WIDTH - RIGHT + 12}" y="{y + 4}">{escape(value(finding, finding.candidate))}'
        f'<tspan class="soft" dx="8">{escape(_floor_told(finding))}</tspan></text></g>'
    )


def _floor_told(finding: MetricFinding) -> str:
    return "" if finding.floor is None else f"floor {finding.floor:g}"


def _kind(finding: MetricFinding) -> str:
    """Green is only what was shown: a slice that passed for want of cases stays grey."""
    untold = finding.verdict == "PASS" and finding.low is not None and finding.low < -finding.tolerance
    return "quiet" if untold or not finding.blocking else finding.verdict.lower()


def _cut(label: str) -> str:
    return label if len(label) <= 24 else f"{label[:23]}…"
