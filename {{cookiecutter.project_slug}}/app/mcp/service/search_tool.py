from dataclasses import dataclass
from typing import ClassVar

from app.mcp.domain.page_position import SearchPosition
from app.mcp.domain.quotation import NOTICE, fit, new_mark, opening, quoted
from app.mcp.domain.tools import EFFECTS_OF_RISK, ToolDefinition, ToolInvocation, ToolOutput, schema_of
from app.mcp.schemas import SearchToolRequest, SearchToolResponse, ToolPassageResponse
from app.mcp.service.arguments import parse
from app.retrieval.domain import Passage
from app.retrieval.service.live_search import LiveSearch

MAX_PASSAGES = 50
"""As deep as a search goes, on all pages together."""


@dataclass(frozen=True)
class SearchTool:
    searches: LiveSearch

    name: ClassVar[str] = "search"
    permission: ClassVar[str] = "search:read"
    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name,
        "Search documents",
        "Finds the passages of the documents that are about a query, best first.",
        schema_of(SearchToolRequest),
        schema_of(SearchToolResponse),
        EFFECTS_OF_RISK["read"],
    )

    async def call(self, invocation: ToolInvocation) -> ToolOutput:
        request = parse(SearchToolRequest, invocation.arguments)
        start = SearchPosition.parse(request.cursor, request.query, MAX_PASSAGES) if request.cursor else None
        shown = start.shown if start else 0
        wanted = min(shown + request.limit, MAX_PASSAGES)
        # One more than is shown, which tells whether there is a next page.
        deep = min(wanted + 1, MAX_PASSAGES)
        version = start.corpus_version if start else None
        evidence = await self.searches.search(invocation.caller, request.query, deep, version)
        page = fit(evidence.passages[shown:wanted])
        reached = shown + len(page)
        more = page and reached < min(len(evidence.passages), MAX_PASSAGES)
        position = SearchPosition(reached, evidence.corpus_version)
        result = SearchToolResponse(
            notice=NOTICE,
            passages=[_passage(each) for each in page],
            next_cursor=position.text(request.query) if more else None,
            degraded=evidence.degraded,
        )
        return ToolOutput(result.model_dump(mode="json"), _text(page, result.next_cursor))


def _passage(passage: Passage) -> ToolPassageResponse:
    return ToolPassageResponse(
        document_id=passage.document_id,
        version=passage.version,
        title=passage.title,
        headings=list(passage.headings),
        uri=passage.uri,
        start=passage.start,
        end=passage.end,
        score=round(passage.score, 4),
        text=passage.text,
        flags=list(passage.flags),
    )


def _text(page: list[Passage], next_cursor: str | None) -> str:
    if not page:
        return "No passage was found."
    mark = new_mark()
    parts = [opening(mark)]
    for each in page:
        about = f'id="{each.document_id}" version="{each.version}" start="{each.start}" end="{each.end}"'
        parts.append(quoted(" > ".join((each.title, *each.headings)), each.text, mark, about))
    return "\n".join([*parts, *([f"More passages: cursor {next_cursor}"] if next_cursor else [])])
