from dataclasses import dataclass
from typing import ClassVar

from app.mcp.domain.quotation import NOTICE, PAGE_BYTES, cut, new_mark, opening, quoted
from app.mcp.domain.tools import (
    EFFECTS_OF_RISK,
    ToolArgumentsInvalid,
    ToolDefinition,
    ToolInvocation,
    ToolOutput,
    schema_of,
)
from app.mcp.schemas import ReadDocumentToolRequest, ReadDocumentToolResponse
from app.mcp.service.arguments import parse
from app.retrieval.service.live_search import LiveSearch


@dataclass(frozen=True)
class ReadDocumentTool:
    searches: LiveSearch

    name: ClassVar[str] = "read_document"
    permission: ClassVar[str] = "documents:read"
    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name,
        "Read a document",
        "Reads the text of a document in pages, by the id that a passage or a citation has.",
        schema_of(ReadDocumentToolRequest),
        schema_of(ReadDocumentToolResponse),
        EFFECTS_OF_RISK["read"],
    )

    async def call(self, invocation: ToolInvocation) -> ToolOutput:
        request = parse(ReadDocumentToolRequest, invocation.arguments)
        found = await self.searches.document(invocation.caller, request.document_id, request.version)
        length = len(found.text)
        if request.start > length:
            raise ToolArgumentsInvalid(f"start: the document has only {length:,} characters.")
        text = cut(found.text[request.start : request.start + PAGE_BYTES], PAGE_BYTES)
        end = request.start + len(text)
        result = ReadDocumentToolResponse(
            notice=NOTICE,
            document_id=found.document_id,
            version=found.version,
            title=found.title,
            uri=found.uri,
            start=request.start,
            end=end,
            length=length,
            next_start=end if end < length else None,
            text=text,
            flags=list(found.flags),
        )
        mark = new_mark()
        about = f'id="{found.document_id}" version="{found.version}" start="{request.start}" end="{end}"'
        rest = [f"The rest begins at start {end} of {length}."] if end < length else []
        lines = [opening(mark), quoted(found.title, text, mark, about), *rest]
        return ToolOutput(result.model_dump(mode="json"), "\n".join(lines))
