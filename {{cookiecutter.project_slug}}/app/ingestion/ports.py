from typing import Protocol

from app.ingestion.domain.parsed_document import ParsedDocument


class Parser(Protocol):
    async def parse(self, data: bytes, name: str, *, repair: bool = False) -> ParsedDocument:
        """The text of one file, whatever the file does: it cannot hang, fill the memory or take the caller with it.

        name: only its ending is used. repair: damaged characters are replaced instead of refused.
        Errors: Unparsable with a code of `domain.reasons`; ParserInterrupted, which another attempt may not meet.
        """
        ...

    async def close(self) -> None: ...


class LanguageDetector(Protocol):
    def detect(self, text: str) -> str | None:
        """The ISO 639-1 code of the text's language; None when it is too short to tell or the guess is weak."""
        ...
