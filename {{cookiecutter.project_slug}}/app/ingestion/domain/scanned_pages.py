"""Whether pages of a published document that were not read may be read now."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

UNREAD = "scanned_pages"
"""The finding of a document that was published without some of its pages."""


def recognised_by(languages: Sequence[str]) -> str:
    """How a finding names the text recognition that was tried."""
    return f"by text recognition in {'+'.join(languages)}"


def unread_pages(findings: Iterable[Mapping[str, Any]]) -> str:
    """What was found about pages that were not read; empty where all were."""
    return next((str(each["detail"]) for each in findings if each["rule"] == UNREAD), "")


def may_be_read_further(unread: str, languages: Sequence[str]) -> bool:
    """languages: of the text recognition that is installed now, none where there is none."""
    return bool(unread and languages) and recognised_by(languages) not in unread
