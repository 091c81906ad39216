"""The map of a prototype in Markdown, for days 1-30 of the plan."""

import re
from collections import Counter
from collections.abc import Iterator

from app.governance.domain.adoption.adoption_map import AdoptionMap
from app.governance.domain.adoption.prototype import REMEDIES
from app.governance.domain.markdown_table import markdown_cell, markdown_table

UNKNOWN = "not recognised: decide where it belongs, or leave it behind"


def map_markdown(found: AdoptionMap) -> str:
    """The whole map. It names secrets by their place, and never holds them."""
    parts = [
        f"# Map of the prototype {_plain(markdown_cell(found.name))}",
        f"{len(found.files)} files were read, {found.skipped} were not. Nothing of them ran.",
        "## Where each file belongs",
        markdown_table(("file", "bytes", "rooms of this service"), _files(found)),
        "## What is fragile",
        *_fragile(found),
        "## Workflows whose risk has to be classified",
        *_risky(found),
    ]
    return "\n\n".join(parts) + "\n"


def _plain(text: str) -> str:
    """Names and texts of the prototype, which are no markup here."""
    return re.sub(r"([\\`*_\[\]])", r"\\\1", text).replace("<", "&lt;")


def _files(found: AdoptionMap) -> Iterator[tuple[str, ...]]:
    for each in found.files:
        yield _plain(each.path), f"{each.size:,}", ", ".join(each.rooms) or UNKNOWN


def _fragile(found: AdoptionMap) -> Iterator[str]:
    if not found.fragile:
        yield "Nothing was found."
        return
    counts = Counter(each.kind for each in found.fragile)
    for kind, remedy in REMEDIES.items():
        if not counts[kind]:
            continue
        yield f"### {kind.replace('_', ' ')} ({counts[kind]})"
        yield f"Fragile because {remedy.harm}. In this service: `{remedy.room}`; see docs/{remedy.page}."
        rows = (
            (_plain(f"{each.path}:{each.line}"), _plain(each.detail)) for each in found.fragile if each.kind == kind
        )
        yield markdown_table(("where", "what"), rows)


def _risky(found: AdoptionMap) -> Iterator[str]:
    if not found.risky:
        yield "None was found."
        return
    yield (
        "Each of these has an effect that somebody may be unable to undo. Say who is harmed by a wrong one, then make "
        "it an action with a risk class (docs/how-to/add-an-action.md)."
    )
    rows = ((each.workflow, _plain(f"{each.path}:{each.line}"), _plain(each.detail)) for each in found.risky)
    yield markdown_table(("workflow", "where", "call"), rows)
