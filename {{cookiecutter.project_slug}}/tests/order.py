"""`pytest --order random`: a random order of folders, files and tests, which `--order SEED` repeats.

The tests of a file that is marked `in_order` stay as they are written: each goes on where the one before it ended.

Which of two tests comes first depends on the seed and on their names only: a seed also repeats the order of a part of a
run, in one process or in many.
"""

import secrets
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Any

import pytest

SEEDS = 1_000_000
SEED = "order"
"""The name of what the processes of a run are told."""


def seed(text: str) -> int:
    """Of the option."""
    return secrets.randbelow(SEEDS) if text == "random" else int(text)


class RandomOrder:
    def __init__(self, seed: int) -> None:
        self.seed = seed

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Each process of a run reads the option, and would draw a seed of its own."""
        node.workerinput[SEED] = self.seed

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.place(item.nodeid, item.get_closest_marker("in_order") is not None))

    def pytest_report_header(self) -> str:
        return self._repeat()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if terminalreporter.stats.keys() & {"failed", "error"}:
            terminalreporter.write_line(self._repeat())

    def _repeat(self) -> str:
        return f"order of the tests: --order {self.seed}"

    def place(self, nodeid: str, as_written: bool = False) -> tuple[bytes, ...]:
        """What tests are sorted by, in a sort that keeps the order of equals.

        Those of a folder and of a file stay together: they share what is set up once.
        """
        file = PurePosixPath(nodeid.split("::", 1)[0])
        folders = (self._drawn(str(above)) for above in (*reversed(file.parents), file))
        return *folders, b"" if as_written else self._drawn(nodeid)

    def _drawn(self, name: str) -> bytes:
        return blake2b(name.encode(errors="surrogatepass"), key=str(self.seed).encode(), digest_size=8).digest()
