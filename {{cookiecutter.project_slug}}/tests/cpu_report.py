"""`pytest --cpu-report`: the processor time of each file of tests, with all processes that it starts.

On a busy machine the clock says little about a test, and its processor time nearly the same as on an idle one. The
embedded server of the run and the server of forks count as well; servers that a started service brings along do not.
"""

import resource
import time
from collections import Counter
from collections.abc import Generator
from contextlib import suppress

import psutil
import pytest

SERVERS: list[psutil.Process] = []
"""Processes beside this one that work for its tests."""

PROPERTY = "cpu_seconds"
SHOWN = 40


class CpuReport:
    def __init__(self) -> None:
        self.spent = 0.0
        self.by_file: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        before, self.spent = self.spent, spent()
        report.user_properties.append((PROPERTY, self.spent - before))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, seconds in report.user_properties:
            if name == PROPERTY and isinstance(seconds, float):
                self.by_file[report.nodeid.split("::", 1)[0]] += seconds

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section(f"{sum(self.by_file.values()):.0f} seconds of processor time")
        for file, seconds in self.by_file.most_common(SHOWN):
            terminalreporter.write_line(f"{seconds:8.1f}  {file}")


def spent() -> float:
    """The processor time so far of this process, of its ended children, and of SERVERS with theirs."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for server in SERVERS:
        with suppress(psutil.NoSuchProcess):
            total += sum(server.cpu_times()[:4])
    return total
