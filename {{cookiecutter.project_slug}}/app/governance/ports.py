from typing import Protocol


class Reports(Protocol):
    async def report_of(self, digest: str) -> bytes:
        """The canonical report of an evaluation, byte for byte. Errors: EvaluationNotFound."""
        ...
