from app.evaluation.service.rendering.markdown import as_markdown
from app.evaluation.service.rendering.page import as_html
from app.evaluation.service.rendering.tables import Table, as_tables
from app.evaluation.service.rendering.words import headline, notes, reasons

__all__ = ["Table", "as_html", "as_markdown", "as_tables", "headline", "notes", "reasons"]
