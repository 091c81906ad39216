import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from app.cli.ask import show_answer
from app.cli.common import caller_at_the_command_line, out, settings_for_command
from app.cli.ingest import files_in, ingest_files, show_results
from app.core.errors import StartRefused
from app.core.event_loop import run_coroutine
from app.core.pooling import PATIENT_SECONDS
from app.core.schema import migrate
from app.inference.domain.answer import Answer, Question
from app.settings import Settings
from app.wiring import State, build, database_urls, observe

SOURCE = "handbook"
TENANT = "demo"
"""A tenant of its own, so that the handbook answers no question about anybody's documents."""

QUESTIONS = (
    "How do I revoke an API key?",
    "What happens to a document that fails a quality gate?",
    "Which wine goes with grilled salmon?",
)
"""The last one has no answer in the handbook, and must be refused."""


@dataclass
class Stopwatch:
    steps: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        out.print(f"[bold cyan]▸ {name}[/]")
        started = time.perf_counter()
        yield
        self.steps.append((name, time.perf_counter() - started))

    def table(self) -> Table:
        table = Table("step", "seconds", title="How long it took", title_justify="left")
        for name, seconds in self.steps:
            table.add_row(name, f"{seconds:.2f}")
        table.add_row("total", f"{sum(seconds for _, seconds in self.steps):.2f}", style="bold")
        return table


def demo() -> None:
    """Read this service's own handbook and answer three questions about it; no key, no network."""
    settings = settings_for_command()
    observe(settings)
    watch = Stopwatch()
    with watch.step("Starting PostgreSQL"):
        urls, server = database_urls(settings)
    try:
        with watch.step("Creating the tables"):
            migrate(urls.owner, urls.service, settings.root)

        async def work() -> None:
            async with build(settings, urls, wait_seconds=PATIENT_SECONDS) as state:
                await read_and_answer(state, settings, watch)

        run_coroutine(work())
    finally:
        if server:
            server.stop()
    out.print(watch.table())
    _where_next()


async def read_and_answer(state: State, settings: Settings, watch: Stopwatch) -> None:
    caller = caller_at_the_command_line(await state.identity.ensure_tenant(TENANT))
    handbook = settings.root / "docs"
    with watch.step(f"Reading {handbook}"):
        results = await ingest_files(state, caller, SOURCE, files_in([Path(handbook)]))
        show_results(results)
    refused = []
    for question in QUESTIONS:
        with watch.step(f"“{question}”"):
            answer = await state.answers.answer(caller, Question(question))
        show_answer(answer)
        out.print()
        refused.append(isinstance(answer, Answer) and answer.refusal is not None)
    if refused != [False, False, True]:
        raise StartRefused("The demo did not end as it should: two questions answered with citations, one refused.")


def _where_next() -> None:
    out.print("\n[bold]Where to go next[/]")
    for command, what in (
        ("make run", "the API and a worker, with a key to call them"),
        (f".venv/bin/app ask --tenant {TENANT} '…'", "more questions about the handbook"),
        (".venv/bin/app ingest PATH…", "your own documents, apart from the handbook"),
        ("docs/tutorial/first-answer.md", "the same over HTTP, step by step"),
        ("docs/how-to/connect-a-provider.md", "let a language model write the answers"),
    ):
        out.print(f"  {command:36} {what}", highlight=False, soft_wrap=True)
