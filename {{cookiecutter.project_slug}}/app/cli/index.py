from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, actor, err, out, with_state
from app.core.errors import Invalid
from app.core.pooling import refuse_shared_sessions
from app.core.schema import OWNER_SETTING
from app.retrieval.domain import ChunkerParams, Fingerprint, IndexRow
from app.retrieval.service.retrieval import Retrieval
from app.wiring import State

ProgressCallback = Callable[[int, int], None]

app = typer.Typer(help="Indexes: what documents are searched through.", no_args_is_help=True)


@app.command("list")
def list_indexes(tenant: Annotated[str, typer.Option(help="Whose documents to count.")] = DEFAULT_TENANT) -> None:
    """Show every index: its state, its embedder and chunker, and the documents and chunks in it."""

    async def work(state: State) -> None:
        tenant_id = await state.identity.ensure_tenant(tenant)
        await state.retrieval.indexes.live()
        table = Table("index", "state", "embedder", "chunker", "words", "documents", "chunks", "created")
        for row, documents, chunks in await state.retrieval.list_indexes(tenant_id):
            created = f"{row.created_at:%Y-%m-%d %H:%M}"
            pinned = row.fingerprint
            sizes = "/".join(str(size) for size in pinned.chunker_params.values())
            table.add_row(
                str(row.number),
                row.status,
                pinned.embedder,
                f"{pinned.chunker} {sizes}",
                f"{pinned.text_search} {pinned.analyzer}",
                f"{documents:,}",
                f"{chunks:,}",
                created,
            )
        out.print(table)

    with_state(work)


@app.command()
def build(
    embedder: Annotated[str | None, typer.Option(help="minilm, openai or none: one that the settings name.")] = None,
    text_search: Annotated[str | None, typer.Option(help="PostgreSQL text-search configuration, as german.")] = None,
    target: Annotated[int, typer.Option(min=20, help="Words of a part of a long section.")] = ChunkerParams().target,
    whole: Annotated[int, typer.Option(min=20, help="A section of so many words stays whole.")] = ChunkerParams().whole,
    resume: Annotated[int | None, typer.Option(help="Bring this index up to date instead.")] = None,
) -> None:
    """Build an index beside the live one from the stored documents, and verify it. The live one keeps serving.

    If it is interrupted, the same command continues where it stopped.
    """

    async def work(state: State) -> IndexRow:
        await state.retrieval.indexes.live()
        params = asdict(replace(ChunkerParams(), target=target, whole=whole))
        pinned = replace(_with_embedder(state.retrieval, embedder), chunker_params=params)
        if text_search:
            pinned = replace(pinned, text_search=text_search)
        with _bar("Building") as progress:
            return await state.retrieval.index_builder.build(pinned, progress, resume, actor())

    index = with_state(work)
    out.print(f"Index {index.number} is ready. Use it in a release: app release create --index {index.number}")


def _with_embedder(retrieval: Retrieval, kind: str | None) -> Fingerprint:
    if kind is None:
        return retrieval.indexes.first
    for name, loaded in retrieval.embedders.items():
        if name.startswith(kind):
            return replace(retrieval.indexes.first, embedder=name, dimensions=loaded.dimensions)
    raise Invalid(
        f"This process holds {' and '.join(retrieval.embedders)}, and no embedder {kind}.",
        action=f"Set APP_EMBEDDER_NEXT={kind} for this command and for the service.",
    )


@app.command()
def retire(number: Annotated[int, typer.Argument(help="Which index.")]) -> None:
    """Stop updating an index. It cannot be switched to until 'app index build --resume' has brought it up to date."""
    retired = with_state(lambda state: state.retrieval.indexes.retire(number, actor()))
    out.print(f"Index {retired.number} is retired.")


@app.command()
def optimise(
    above: Annotated[int | None, typer.Option(min=0, help="Tenants with more chunks than this.")] = None,
) -> None:
    """Make searching fast for tenants with very many chunks, as the owner of the tables. Minutes for 100,000."""

    async def work(state: State) -> int:
        with _bar("Tenants") as progress:
            await refuse_shared_sessions(state.urls.owner, OWNER_SETTING)
            return len(await state.retrieval.vector_indexes.create_missing(state.urls.owner, progress, above))

    out.print(f"{with_state(work)} tenants got an approximate vector index.")


@contextmanager
def _bar(what: str) -> Iterator[ProgressCallback]:
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
