from collections.abc import Sequence


class StopSequences:
    """Ends a text before the first of these sequences, for models that write on. Holds back what may begin one."""

    def __init__(self, sequences: Sequence[str]) -> None:
        self._sequences = sequences
        self._longest = max(map(len, sequences))
        self._held = ""
        self.stopped = False

    def feed(self, piece: str) -> str:
        """What of the text is not part of a stop sequence, as far as that is known."""
        if self.stopped:
            return ""
        text, self._held = self._held + piece, ""
        places = [at for each in self._sequences if (at := text.find(each)) >= 0]
        if places:
            self.stopped = True
            return text[: min(places)]
        keep = next((n for n in range(min(self._longest - 1, len(text)), 0, -1) if self._begins(text[-n:])), 0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def end(self) -> str:
        """The rest of a text that has ended."""
        held, self._held = self._held, ""
        return held

    def _begins(self, tail: str) -> bool:
        return any(each.startswith(tail) for each in self._sequences)
