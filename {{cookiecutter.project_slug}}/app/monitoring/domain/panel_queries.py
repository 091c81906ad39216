"""What panels ask of Prometheus, each as one call."""

from app.monitoring.domain.dashboards import Panel, Query, Unit
from app.monitoring.domain.indicators import Counted

WINDOW = "$__rate_interval"


def by(label: str, metric: str, selector: str = "") -> Query:
    return Query(f"sum by ({label}) (rate({Counted(metric, selector).vector}[{WINDOW}]))", f"{{{{{label}}}}}")


def total(metric: str) -> Query:
    return Query(Counted(metric).rate(WINDOW))


def quantiles(metric: str, selector: str = "", by: str = "") -> tuple[Query, ...]:
    vector = Counted(f"{metric}_bucket", selector).vector
    labels, legend = (f"le,{by}", f" {{{{{by}}}}}") if by else ("le", "")
    return tuple(
        Query(f"histogram_quantile({q}, sum by ({labels}) (rate({vector}[{WINDOW}])))", f"p{q * 100:g}{legend}")
        for q in ((0.95,) if by else (0.5, 0.95, 0.99))
    )


def panel(title: str, description: str, unit: Unit, *queries: Query) -> Panel:
    return Panel(title, description, unit, queries)


def share(metric: str, selector: str, legend: str) -> Query:
    return Query(f"{Counted(metric, selector).rate(WINDOW)} / {Counted(metric).rate(WINDOW)}", legend)


def by_arm(metric: str, selector: str = "") -> str:
    return f"sum by (environment, arm) (rate({Counted(metric, selector).vector}[{WINDOW}]))"


def share_by_arm(metric: str, selector: str = "") -> Query:
    """Of all answers; 0 for an arm that has answers and none of these."""
    answers = by_arm("app_answers_total")
    return Query(f"({by_arm(metric, selector)} or 0 * {answers}) / {answers}", "{{environment}} {{arm}}")
