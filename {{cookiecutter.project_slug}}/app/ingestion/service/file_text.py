"""All text of a file that nothing is stored of but its bytes, such as one in quarantine."""

from app.core.errors import Contended
from app.ingestion.domain.parsed_document import ParsedDocument, ParserInterrupted, Unparsable
from app.ingestion.ports import Parser

_NESTED = 2
"""How deep files in files are read, as deep as they become documents."""


async def text_of_file(parser: Parser, data: bytes, name: str, nested: int = _NESTED) -> str:
    """What readers see of it and what is hidden from them, with its properties and what it has attached; nothing of one
    that cannot be parsed. Errors: Contended, where it could not be read at this moment.
    """
    try:
        parsed = await parser.parse(data, name, repair=True)
    except Unparsable:
        return ""
    except ParserInterrupted as error:
        raise Contended("A file could not be read at this moment.", retry_after=1) from error
    attached = [await text_of_file(parser, each.data, each.name, nested - 1) for each in parsed.attachments if nested]
    return "\n".join([*_own(parsed), *attached])


def _own(parsed: ParsedDocument) -> list[str]:
    names = (each.name for each in parsed.attachments)
    return [parsed.text, parsed.hidden, parsed.title, *parsed.metadata.values(), *parsed.columns, *names]
