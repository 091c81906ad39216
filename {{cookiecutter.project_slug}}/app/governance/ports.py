from typing import Protocol


class Reports(Protocol):
    async def report_of(self, digest: str) -> bytes:
        """The canonical report of an evaluation, by the SHA-256 of its bytes. Errors: EvaluationNotFound."""
        ...
