from app.evaluation.service.rendering.html import STYLE, as_html
from app.evaluation.service.rendering.markdown import as_markdown
from app.evaluation.service.rendering.report_tables import ReportTable, as_tables
from app.evaluation.service.rendering.wording import headline, notes, reasons

__all__ = ["STYLE", "ReportTable", "as_html", "as_markdown", "as_tables", "headline", "notes", "reasons"]
