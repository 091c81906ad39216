"""docs/reference/providers.md: the quirks of providers that the tests serve, and what comes of each."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from reference_markdown import page, table

if TYPE_CHECKING:
    from tests.adapters.chat.quirks.provider import Gives, Quirk

INTRODUCTION = (
    "Every provider of the OpenAI chat format differs from it, and from its own documentation, in some places. Each "
    "row is one difference that the tests serve over HTTP, in plain replies, in streams or in both "
    "(`tests/adapters/chat/quirks`). The names say where it is known from; another server may do the same. Claude and "
    "Gemini are used through their OpenAI-compatible endpoints."
)
FAILURES = {
    "AuthenticationFailed": "the next model is called, or another key of the provider is tried",
    "ContentFiltered": "a refusal; no other model is called",
    "InvalidResponse": "one more attempt, then the next model",
    "ModelOverloaded": "called again after the time that the provider asks for; no outage",
    "OutputFiltered": "a refusal; no other model is called",
    "RequestRejected": "the next model is called",
    "ServerError": "called again; an outage",
    "StreamInterrupted": "the answer ends as interrupted; no text of another model follows",
}
TITLES = {
    "framing": "Bytes and events",
    "pieces": "Parts of a reply",
    "tool_calls": "Tool calls",
    "endings": "How a reply ends",
    "reasoning": "Reasoning",
    "failures": "Errors",
    "refused": "Refused fields",
}


def providers_page() -> str:
    from tests.adapters.chat import quirks

    parts = []
    for name, title in TITLES.items():
        rows = [(each.provider, each.sends, _result(each.gives), _ways(each)) for each in getattr(quirks, name).QUIRKS]
        rows.sort(key=lambda row: (row[0].startswith("a "), row[0].lower()))
        parts += [f"## {title}", table(("provider", "what it sends", "what comes of it", "in"), _merged(rows))]
    return page("Providers", INTRODUCTION, *parts)


def _merged(rows: list[tuple[str, str, str, str]]) -> list[tuple[str, ...]]:
    """The rows, with a provider named in its first one only."""
    groups = ((provider, list(each)) for provider, each in groupby(rows, key=lambda row: row[0]))
    return [(provider if not place else "", *row[1:]) for provider, each in groups for place, row in enumerate(each)]


def _ways(quirk: Quirk) -> str:
    return "both" if quirk.plain and quirk.stream else "plain" if quirk.plain else "stream"


def _result(gives: Gives) -> str:
    if gives.failure:
        return FAILURES[gives.failure.__name__]
    if gives.without:
        fields = ", ".join(f"`{name}`" for name in gives.without)
        renamed = "".join(f", with `{name}`" for name in gives.having)
        return f"asked again without {fields}{renamed}"
    if gives.calls:
        return "the tool calls"
    if gives.finish != "stop":
        return {"length": "the text, as truncated"}.get(gives.finish, "a refusal after the text so far")
    if gives.usage is None:
        return "the text, its usage estimated"
    return "the text, its reasoning counted" if gives.usage.reasoning else "the text"
