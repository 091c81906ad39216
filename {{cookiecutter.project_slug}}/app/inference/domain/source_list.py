"""Citations for clients that show nothing but text, and as annotations of the OpenAI format."""

from collections.abc import Mapping
from typing import Any

from app.inference.domain.answer import Answer, Citation
from app.inference.domain.grounding.citations import markers_in
from app.safety.domain.output_filter import OutputFilter
from app.safety.domain.text import normalise

MOST_SOURCES, LONGEST = 20, 200


def source_list(answer: Answer, output: OutputFilter) -> str:
    """A list of the sources to stand below the answer's text: numbers, title, heading and address. Masked as quotations
    are, with links to permitted hosts only. Empty for an answer without citations.
    """
    by_place: dict[tuple[str, ...], list[Citation]] = {}
    for citation in answer.citations:
        place = (citation.title, " > ".join(citation.headings[-1:]), citation.uri)
        by_place.setdefault(place, []).append(citation)
    lines = [_line(place, cited, output) for place, cited in list(by_place.items())[:MOST_SOURCES]]
    if more := len(by_place) - len(lines):
        lines.append(f"and {more} more")
    return "\n\nSources:\n" + "\n".join(lines) if lines else ""


def _line(place: tuple[str, ...], cited: list[Citation], output: OutputFilter) -> str:
    markers = "".join(f"[{each.marker}]" for each in cited)
    words = (" ".join(normalise(each).text.split())[:LONGEST] for each in place)
    return f"- {markers} {', '.join(output.quoted(each) for each in words if each)}"


def url_citations(answer: Answer) -> list[dict[str, Any]]:
    """One annotation for each mark in the text, with its place there."""
    if not answer.citations or answer.tool_calls:
        return []
    cited: Mapping[int, Citation] = {each.marker: each for each in answer.citations}
    marks = ((cited.get(marker.number), marker) for marker in markers_in(answer.text))
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "url": address_of(citation),
                "title": citation.title,
                "start_index": marker.start,
                "end_index": marker.end,
            },
        }
        for citation, marker in marks
        if citation is not None
    ]


def address_of(citation: Citation) -> str:
    """Where the document is on the web; for one that is not there, where this service shows the cited place."""
    if citation.uri.startswith(("http://", "https://")):
        return citation.uri
    place = f"version={citation.version}&start={citation.start}&end={citation.end}"
    return f"/v1/documents/{citation.document_id}/text?{place}"
