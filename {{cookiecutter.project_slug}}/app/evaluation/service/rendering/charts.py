"""Where each mark of a chart is drawn: of a finding its interval, against its tolerance; and its value, against its
floor.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar

from app.evaluation.domain.gate import MetricFinding
from app.evaluation.domain.metrics import METRICS
from app.evaluation.service.rendering.wording import change, span, value

WIDTH, LABEL, RIGHT, ROW, TOP = 800, 190, 190, 30, 30
_TICKS = (0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class ChartTick:
    x: float
    text: str
    kind: Literal["grid", "zero"] = "grid"


@dataclass(frozen=True, slots=True)
class ChartRow:
    """status: the colour. title: the row in words. figure and note stand at its right."""

    status: str
    label: str
    title: str
    y: float
    figure: str
    note: str


@dataclass(frozen=True, slots=True)
class DifferenceRow(ChartRow):
    """low, high, middle: of the interval; edge: where the tolerance ends, which is `allowed` wide."""

    low: float
    high: float
    middle: float
    edge: float
    allowed: float


@dataclass(frozen=True, slots=True)
class LevelRow(ChartRow):
    """length: of the bar. before, floor: None where there is none."""

    length: float
    before: float | None
    floor: float | None


R = TypeVar("R", bound=ChartRow)


@dataclass(frozen=True, slots=True)
class Chart(Generic[R]):
    """Everything is measured in the units of the drawing, which is `width` wide."""

    title: str
    ticks: tuple[ChartTick, ...]
    rows: tuple[R, ...]

    width: ClassVar[int] = WIDTH
    top: ClassVar[int] = TOP
    bar_start: ClassVar[int] = LABEL
    bar_width: ClassVar[int] = WIDTH - LABEL - RIGHT
    label_end: ClassVar[int] = LABEL - 14
    figure_start: ClassVar[int] = WIDTH - RIGHT + 12

    @property
    def height(self) -> int:
        return TOP + ROW * len(self.rows) + 8


def differences(
    findings: Sequence[MetricFinding], label: Callable[[MetricFinding], str], title: str
) -> Chart[DifferenceRow] | None:
    """One row a finding; to the right is better. None when nothing was compared."""
    rows = [each for each in findings if each.difference is not None]
    if not rows:
        return None
    reach = _reach(rows)
    marks = (_difference(each, label(each), number, reach) for number, each in enumerate(rows))
    return Chart(title, _axis(reach), tuple(marks))


def levels(
    findings: Sequence[MetricFinding], label: Callable[[MetricFinding], str], title: str
) -> Chart[LevelRow] | None:
    """Shares from 0 to 1, before and after, with the floor; latency and cost have no such scale and are left out."""
    rows = [each for each in findings if METRICS[each.metric].unit == "share"]
    if not rows:
        return None
    scale = tuple(ChartTick(_place(tick), f"{tick:g}") for tick in (0, 0.25, 0.5, 0.75, 1))
    return Chart(title, scale, tuple(_level(each, label(each), number) for number, each in enumerate(rows)))


def _reach(rows: Sequence[MetricFinding]) -> float:
    """How far the axis goes each way: to the furthest mark, but not beyond where everything near zero would vanish."""
    ends = [abs(end) for row in rows for end in (row.low, row.high, row.tolerance) if end is not None]
    return min(max([*ends, 0.02]) * 1.08, 1.1)


def _x(number: float, reach: float) -> float:
    middle = (WIDTH + LABEL - RIGHT) / 2
    half = (WIDTH - LABEL - RIGHT) / 2 - 6
    return round(middle + half * max(-1.0, min(1.0, number / reach)), 1)


def _axis(reach: float) -> tuple[ChartTick, ...]:
    step = next((tick for tick in _TICKS if reach / tick <= 3.5), _TICKS[-1])
    ticks = (number * step for number in range(-int(reach / step), int(reach / step) + 1))
    return tuple(
        ChartTick(_x(tick, reach), f"{tick:+.2g}" if tick else "0", "grid" if tick else "zero") for tick in ticks
    )


def _difference(finding: MetricFinding, label: str, number: int, reach: float) -> DifferenceRow:
    low, high, middle = (_x(each or 0.0, reach) for each in (finding.low, finding.high, finding.difference))
    edge, figure = _x(-finding.tolerance, reach), change(finding, finding.difference)
    return DifferenceRow(
        status=_status(finding),
        label=_cut(label),
        title=f"{label}: {figure} ({span(finding)}), {finding.verdict}, {finding.reason}",
        y=_y(number),
        low=low,
        high=high,
        middle=middle,
        edge=edge,
        allowed=round(_x(0, reach) - edge, 1),
        figure=figure,
        note=span(finding),
    )


def _place(share: float) -> float:
    return round(LABEL + (WIDTH - LABEL - RIGHT) * max(0.0, min(1.0, share)), 1)


def _level(finding: MetricFinding, label: str, number: int) -> LevelRow:
    change = f"{label}: {value(finding, finding.baseline)} before, {value(finding, finding.candidate)} after"
    floored = f", floor {value(finding, finding.floor)}" if finding.floor is not None else ""
    return LevelRow(
        status=_status(finding),
        label=_cut(label),
        title=change + floored,
        y=_y(number),
        length=round(_place(finding.candidate) - LABEL, 1),
        before=None if finding.baseline is None else _place(finding.baseline),
        floor=None if finding.floor is None else _place(finding.floor),
        figure=value(finding, finding.candidate),
        note="" if finding.floor is None else f"floor {finding.floor:g}",
    )


def _y(number: int) -> float:
    return TOP + ROW * number + ROW / 2


def _status(finding: MetricFinding) -> str:
    """Green is only what was shown: a slice that passed for want of cases stays grey."""
    untold = finding.verdict == "PASS" and finding.low is not None and finding.low < -finding.tolerance
    return "quiet" if untold or not finding.blocking else finding.verdict.lower()


def _cut(label: str) -> str:
    return label if len(label) <= 24 else f"{label[:23]}…"
