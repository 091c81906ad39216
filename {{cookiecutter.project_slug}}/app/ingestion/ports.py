from collections.abc import Sequence
from typing import Protocol

from app.ingestion.domain.parsed_document import ParsedDocument


class Parser(Protocol):
    async def parse(self, data: bytes, name: str, *, repair: bool = False) -> ParsedDocument:
        """Parse one file. No file can make it hang, exhaust the memory or crash the caller.

        name: only its extension is used. repair: damaged characters are replaced instead of refused.
        Errors: Unparsable with a code of `domain.quarantine_reasons`; ParserInterrupted: another attempt may succeed.
        """
        ...

    def recognised_languages(self) -> Sequence[str]:
        """Of the text recognition that reads scanned pages; none where it is not installed."""
        ...

    async def close(self) -> None:
        """Ends the child processes; nothing is called afterwards."""
        ...


class LanguageDetector(Protocol):
    def detect(self, text: str) -> str | None:
        """The ISO 639-1 code of the text's language; None when the text is too short or the result uncertain."""
        ...
