"""The report on business value as an HTML page that loads nothing from other hosts."""

from app.core.templates import style_sheet, template_environment
from app.monitoring.domain.business_report import BusinessReport

PACKAGE = "app.monitoring"
STYLE = style_sheet(PACKAGE, "business.css")


def business_page(report: BusinessReport) -> str:
    """The whole page. Every value is escaped by the template engine."""
    return template_environment(PACKAGE).get_template("business.html").render(report=report, style=STYLE)
