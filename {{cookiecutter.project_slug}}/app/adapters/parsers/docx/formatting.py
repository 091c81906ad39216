from dataclasses import dataclass

from app.adapters.parsers.docx.numbering import Numbering
from app.adapters.parsers.docx.styles import Styles
from app.adapters.parsers.docx.visibility import DocxVisibility


@dataclass
class Formatting:
    styles: Styles
    visibility: DocxVisibility
    numbering: Numbering
