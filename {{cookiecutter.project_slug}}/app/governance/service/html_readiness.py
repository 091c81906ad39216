"""The readiness of the service as an HTML page that loads nothing: no script, no font, no other host."""

from app.governance.domain.readiness.report import ReadinessReport
from app.governance.domain.readiness.vocabulary import QUESTIONS
from app.governance.service.html_card import STYLE, render


def html_readiness(report: ReadinessReport) -> str:
    """The whole page. Every value is escaped by the template engine."""
    return render("readiness.html", report=report, questions=QUESTIONS, style=STYLE)
