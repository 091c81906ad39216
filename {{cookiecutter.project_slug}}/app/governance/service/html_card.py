"""The model card as an HTML page that loads nothing: no script, no font, no other host."""

from collections.abc import Mapping

from app.core.templates import style_sheet, template_environment
from app.governance.domain.markdown_card import NOTHING, value
from app.governance.domain.model_card import MetricResult, ModelCard
from app.releases.domain import Scalar

COLOURS = {
    "in force": "good",
    "PASS": "good",
    "live": "good",
    "attention": "warn",
    "INCONCLUSIVE": "warn",
    "checked by the build": "calm",
    "missing": "bad",
    "FAIL": "bad",
    "green": "good",
    "amber": "warn",
    "red": "bad",
}

PACKAGE = "app.governance"
STYLE = style_sheet(PACKAGE, "model_card.css")


def html_card(card: ModelCard) -> str:
    """The whole page. Every value is escaped by the template engine."""
    return render("model_card.html", card=card, live=card.live, style=STYLE, nothing_live=NOTHING)


def render(template: str, **values: object) -> str:
    """One template of this room with the functions that all of them use."""
    return (
        template_environment(PACKAGE)
        .get_template(template)
        .render(
            colour=lambda status: COLOURS.get(status, "calm"),
            figure=value,
            bar_percent=_bar_percent,
            parameters=_parameters,
            **values,
        )
    )


def _bar_percent(result: MetricResult) -> float:
    """The length of the bar, 0 to 100; a share may be off by a rounding error."""
    return 100 * min(max(result.value, 0.0), 1.0)


def _parameters(values: Mapping[str, Scalar]) -> str:
    return ", ".join(f"{name} {setting}" for name, setting in sorted(values.items()) if setting is not None)
