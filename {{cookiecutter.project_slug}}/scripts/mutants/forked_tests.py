"""Runs tests against mutants: pytest imports and collects once, and each mutant lives in a fork of that process.

In the fork the code of the functions that exist is replaced, so that whoever imported one, decorated it or bound it
calls the mutant.
"""

import builtins
import gc
import os
import pickle
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any
from urllib.parse import urlsplit

import pytest
from _pytest.runner import runtestprotocol

from scripts.mutants.mutated_file import MODULE, REACHED, Mutant, MutatedFile

BASELINE_SECONDS = 600
NEEDS_TIME = frozenset({"embedded", "forks"})
"""Fixtures of tests with a database or with processes."""
CPU_SECONDS, PATIENCE_SECONDS = 3, 30
"""Beside ten times what the tests take without a mutant: only what never ends takes longer. The first is of processor
time, so that a busy machine does not count as a fault that was noticed.
"""


class Coverage:
    """Which lines of some files each test reaches, and how long it takes."""

    def __init__(self) -> None:
        self.lines: dict[str, set[tuple[str, int]]] = {}
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []

    def measure(self, items: list[pytest.Item]) -> "Coverage":
        """Needs functions that are watched."""
        now: set[tuple[str, int]] = set()

        def reached(first: int, end: int) -> None:
            filename = sys._getframe(1).f_code.co_filename
            now.update((filename, line) for line in range(first, end))

        setattr(builtins, REACHED, reached)
        for item, following in zip(items, [*items[1:], None], strict=True):
            now = set()
            started = time.perf_counter()
            failures = [report for report in runtestprotocol(item, log=False, nextitem=following) if report.failed]
            self.failed += [f"{report.nodeid}: {report.longreprtext[-2000:]}" for report in failures]
            self.lines[item.nodeid], self.seconds[item.nodeid] = now, time.perf_counter() - started
        return self


def _passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


def first_failed(items: list[pytest.Item]) -> str:
    """The first test that fails; empty when all pass."""
    pairs = zip(items, [*items[1:], None], strict=True)
    return next((item.nodeid for item, following in pairs if not _passes(item, following)), "")


def functions_of(filenames: frozenset[str]) -> list[FunctionType]:
    """Every function that exists of these files, however it is wrapped."""
    gc.unfreeze()
    return [
        each for each in gc.get_objects() if isinstance(each, FunctionType) and each.__code__.co_filename in filenames
    ]


def codes_in(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from codes_in(inner)


def install(mutated: MutatedFile, mutant: Mutant, filename: str, functions: list[FunctionType]) -> bool:
    """Puts a mutant into this process. Returns False when nothing of what exists changes."""
    if mutant.function == MODULE:
        name, number, wrong = mutated.constant(mutant)
        holders = [each for each in list(sys.modules.values()) if vars(each).get(name) == number and _is_ours(each)]
        for module in holders:
            setattr(module, name, wrong)
        return bool(holders)
    before = {_place(each): each for each in codes_in(mutated.code(filename))}
    after = mutated.code(filename, mutant)
    return replace_code([each for each in codes_in(after) if each != before.get(_place(each))], functions)


def replace_code(codes: Iterable[CodeType], functions: list[FunctionType]) -> bool:
    """Gives functions another code. Returns whether one took it."""
    new = {_place(code): code for code in codes}
    fitting = [
        each
        for each in functions
        if (code := new.get(_place(each.__code__))) and code.co_freevars == each.__code__.co_freevars
    ]
    for function in fitting:
        function.__code__ = new[_place(function.__code__)]
    return bool(fitting)


def _place(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _is_ours(module: Any) -> bool:
    return str(getattr(module, "__name__", "")).startswith("app.")


def in_fork(work: Callable[[], object], seconds: float) -> object:
    """What `work` returns in a fork; None when it does not end after about that time."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS + int(seconds),) * 2)
        try:
            with open(os.devnull, "r+b") as nowhere:
                for stream in (0, 1, 2):
                    os.dup2(nowhere.fileno(), stream)
            with open(writing, "wb") as result:
                pickle.dump(work(), result)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as result:
        written, left = b"", PATIENCE_SECONDS + 2 * seconds
        while select.select([result], [], [], left)[0] and (part := os.read(reading, 65536)):
            written += part
    with suppress(ProcessLookupError):  # with what a test leaves running
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return pickle.loads(written) if written else None  # noqa: S301


class MutantRun:
    """A plugin of pytest that runs mutants instead of the tests. found: told what became of each, and which
    test noticed it; False ends the run.

    tests: by mutated file. slow: the files whose tests may use a database.
    """

    def __init__(
        self,
        files: dict[str, MutatedFile],
        tests: dict[str, list[str]],
        slow: frozenset[str],
        wanted: list[Mutant],
        found: Callable[[Mutant, str, str], bool],
    ) -> None:
        self.files, self.tests, self.slow, self.wanted, self.found = files, tests, slow, wanted, found

    def pytest_sessionstart(self) -> None:
        """Property tests try the same cases for each mutant, and do not look for a smaller one."""
        from hypothesis import Phase, settings  # pytest warns of what is imported before it

        phases = [Phase.explicit, Phase.generate]
        settings.register_profile("mutants", database=None, derandomize=True, phases=phases)
        settings.load_profile("mutants")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        controlled: list[list[pytest.Item]] = []
        filenames = {file: str(session.config.rootpath / file) for file in self.files}
        items = [item for item in session.items if any(self._belongs(item, file) for file in self.files)]
        stop = _share_database(session) if any("embedded" in _fixtures(item) for item in items) else None
        try:
            functions = functions_of(frozenset(filenames.values()))
            gc.freeze()
            measured: dict[tuple[str, ...], Coverage] = {}
            for mutant in self.wanted:
                filename, tests = filenames[mutant.file], tuple(self.tests[mutant.file])
                if tests not in measured:
                    its_own = [item for item in items if self._belongs(item, mutant.file)]
                    measured[tests] = self._baseline(its_own, filenames, functions)
                coverage = measured[tests]
                covering = self._covering(mutant, filename, items, coverage)
                if mutant.file in self.slow and covering not in controlled:
                    controlled.append(covering)
                    self._control(covering)
                found = self._try(mutant, filename, functions, covering, coverage) if covering else ("not run", "")
                if not self.found(mutant, *found):
                    break
        finally:
            if stop:
                stop()
        return True

    def _belongs(self, item: pytest.Item, file: str) -> bool:
        named = any(item.nodeid.startswith(test) for test in self.tests[file])
        return named and (file in self.slow or NEEDS_TIME.isdisjoint(_fixtures(item)))

    def _baseline(self, items: list[pytest.Item], filenames: dict[str, str], functions: list[FunctionType]) -> Coverage:
        """What the tests do without a mutant. Tests that fail then say nothing about mutants."""

        def measure() -> Coverage:
            for file, mutated in self.files.items():
                replace_code(codes_in(mutated.watched(filenames[file])), functions)
            return Coverage().measure(items)

        measured = in_fork(measure, BASELINE_SECONDS)
        if not isinstance(measured, Coverage):
            raise SystemExit("The tests did not end without a mutant.")
        if measured.failed:
            raise SystemExit(f"{len(measured.failed)} tests fail without a mutant, the first is {measured.failed[0]}")
        return measured

    def _covering(
        self, mutant: Mutant, filename: str, items: list[pytest.Item], coverage: Coverage
    ) -> list[pytest.Item]:
        """The tests of this file's list that run the line, quick ones first and those of one file together."""
        lines = {(filename, line) for line in range(mutant.first_line, mutant.last_line + 1)}
        covering = [
            item
            for item in items
            if self._belongs(item, mutant.file)
            and (mutant.function == MODULE or not lines.isdisjoint(coverage.lines[item.nodeid]))
        ]
        by_file: dict[str, float] = {}
        for item in covering:
            file = item.nodeid.split("::")[0]
            by_file[file] = by_file.get(file, 0.0) + coverage.seconds[item.nodeid]

        def order(item: pytest.Item) -> tuple[float, str, float]:
            file = item.nodeid.split("::")[0]
            return by_file[file], file, coverage.seconds[item.nodeid]

        return sorted(covering, key=order)

    def _control(self, items: list[pytest.Item]) -> None:
        """What fails in this choice of tests without a mutant, such as one that needs another, would count as noticed.
        Only tests with a database share so much.
        """
        if (failed := in_fork(lambda: first_failed(items), BASELINE_SECONDS)) != "":
            raise SystemExit(f"Without a mutant, and without the tests that do not reach it, this fails: {failed}")

    def _try(
        self,
        mutant: Mutant,
        filename: str,
        functions: list[FunctionType],
        items: list[pytest.Item],
        coverage: Coverage,
    ) -> tuple[str, str]:
        def run() -> tuple[str, str]:
            if not install(self.files[mutant.file], mutant, filename, functions):
                return "unusable", ""
            failed = first_failed(items)
            return ("killed", failed) if failed else ("survived", "")

        found = in_fork(run, 10 * sum(coverage.seconds[item.nodeid] for item in items))
        return found or ("killed", "")  # type: ignore[return-value]


def _fixtures(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []


def _share_database(session: pytest.Session) -> Callable[[], None]:
    """One server and one migrated database for all forks. Returns what ends them."""
    conftest: Any = session.config.pluginmanager.get_plugin(str(session.config.rootpath / "tests" / "conftest.py"))
    server = conftest.start_embedded(session.config.rootpath / ".data" / "mutants")
    template = f"mutants_{os.getpid()}"
    urls = server.urls(template)
    conftest.migrate(urls.owner, urls.service, session.config.rootpath)
    parent = os.getpid()

    def copy(owner: str, service: str, root: Path) -> None:
        name = urlsplit(owner).path.removeprefix("/")
        server.drop(name)
        conftest._run(server, "create database {} template {} strategy file_copy", name, template)

    def stop(self: Any) -> None:
        if os.getpid() == parent:
            end(self)

    end = type(server).stop
    type(server).stop = stop
    conftest.start_embedded, conftest.migrate = lambda folder: server, copy

    def close() -> None:
        server.drop(template)
        server.stop()

    return close
