import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, actor, err, out, with_state, with_tenant
from app.core.errors import Invalid
from app.core.pooling import refuse_shared_sessions
from app.core.schema import OWNER_SETTING
from app.privacy.domain.catalogue import CATALOGUE
from app.privacy.domain.requests import HoldKind, PrivacyRequest, Selection
from app.wiring import State, load_extensions

app = typer.Typer(help="Personal data: export, erasure, legal holds, and keys of tenants.", no_args_is_help=True)

Tenant = Annotated[str, typer.Option(help="Whose data.")]
Subject = Annotated[
    str | None, typer.Option(help="A name, address or number: everything that contains it as whole words.")
]
Document = Annotated[str | None, typer.Option(help="The id of a document, and what was derived from it.")]
Conversation = Annotated[str | None, typer.Option(help="The id that a client gave a conversation.")]
Asker = Annotated[str | None, typer.Option(help="The name of a key: what was asked with it. The key stays.")]
Key = Annotated[str | None, typer.Option(help="The prefix of a key: what was asked with it, and the key.")]
Everything = Annotated[bool, typer.Option("--everything", help="All of the tenant.")]
Reason = Annotated[str, typer.Option(help="For the audit log, such as the number of the request.")]
RequestId = Annotated[UUID, typer.Argument(help="The id of the request.")]


def _selection(
    tenant: str,
    subject: str | None,
    document: str | None,
    conversation: str | None,
    asker: str | None,
    key: str | None,
    everything: bool,
) -> Selection:
    """Errors: Invalid."""
    given = {"subject": subject, "document": document, "conversation": conversation, "asker": asker, "key": key}
    chosen = [Selection(name, value) for name, value in given.items() if value is not None]  # type: ignore[arg-type]
    if everything:
        chosen.append(Selection("tenant", tenant))
    if len(chosen) != 1:
        raise Invalid(
            "Name exactly one of --subject, --document, --conversation, --asker, --key and --everything.",
            action="'app privacy stores' shows what is stored where.",
        )
    return chosen[0]


@app.command()
def erase(
    reason: Reason,
    tenant: Tenant = DEFAULT_TENANT,
    subject: Subject = None,
    document: Document = None,
    conversation: Conversation = None,
    asker: Asker = None,
    key: Key = None,
    everything: Everything = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how much it is.")] = False,
) -> None:
    """Erase what belongs to a person, document, conversation, key or tenant. Exit status 1: a legal hold blocks it."""
    selection = _selection(tenant, subject, document, conversation, asker, key, everything)

    if dry_run:
        found = with_tenant(tenant, lambda state, id: state.privacy.erasure.preview(id, selection))
        out.print(", ".join(f"{count} {kind}" for kind, count in found.items()) + ". Nothing was erased.")
        return
    _report(with_tenant(tenant, lambda state, id: state.privacy.erasure.erase(id, selection, actor(), reason)))


def _report(request: PrivacyRequest) -> None:
    if request.state == "blocked":
        err.print(f"Nothing was erased: {request.blocked_by}", highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    for store, count in request.counters.items():
        if count:
            out.print(f"{count:>7,} {store}", highlight=False)
    out.print(f"Request {request.id} is {request.state}.", highlight=False, soft_wrap=True)


@app.command()
def export(
    tenant: Tenant = DEFAULT_TENANT,
    subject: Subject = None,
    document: Document = None,
    conversation: Conversation = None,
    asker: Asker = None,
    key: Key = None,
    everything: Everything = False,
    reason: Reason = "export for the person",
    file: Annotated[Path | None, typer.Option(help="Where to write it; else standard output.", dir_okay=False)] = None,
) -> None:
    """Write everything that belongs to a person, document, conversation, key or tenant, as lines of JSON."""
    selection = _selection(tenant, subject, document, conversation, asker, key, everything)

    async def work(state: State, tenant_id: UUID) -> int:
        lines = 0
        opened = file.open("wb") if file else sys.stdout.buffer
        try:
            async for line in state.privacy.export.export(tenant_id, selection, actor(), reason):
                opened.write(line)
                lines += 1
        finally:
            opened.flush()
            if file:
                opened.close()
        return lines

    err.print(f"{with_tenant(tenant, work) - 1:,} rows and files, and the receipt.")


@app.command()
def requests(tenant: Tenant = DEFAULT_TENANT) -> None:
    """List the requests of a tenant with their receipts, the newest first."""
    table = Table("request", "when (UTC)", "what", "subject", "by", "state", "rows", "why", box=None)
    for each in with_tenant(tenant, lambda state, id: state.privacy.erasure.requests(id)):
        state = f"blocked: {each.blocked_by}" if each.blocked_by else f"{each.state}{' again' * each.reapplied}"
        cells = (each.kind, f"{each.selector} {each.subject}", each.requested_by, state)
        rows = " ".join(f"{store}:{count}" for store, count in each.counters.items() if count)
        when = f"{each.requested_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(each.id), when, *(escape(cell) for cell in (*cells, rows, each.reason)))
    out.print(table)


@app.command()
def resume(request: RequestId, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Continue an erasure that was interrupted, or that a legal hold blocked."""
    _report(with_tenant(tenant, lambda state, id: state.privacy.erasure.resume(id, request)))


@app.command()
def hold(
    kind: Annotated[str, typer.Argument(help="document, answer, key or tenant.")],
    subject: Annotated[UUID, typer.Argument(help="Its id.")],
    reason: Reason,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Place a legal hold: nothing that it is on is erased, by a request or by its age."""
    kinds: dict[str, HoldKind] = {"document": "document", "answer": "answer", "key": "key", "tenant": "tenant"}
    if kind not in kinds:
        raise Invalid(f"'{kind}' cannot be held; name one of {', '.join(kinds)}.")
    placed = with_tenant(tenant, lambda state, id: state.privacy.holds.place(id, kinds[kind], subject, actor(), reason))
    out.print(f"Legal hold {placed.id} is in force.", highlight=False, soft_wrap=True)


@app.command()
def lift(
    hold: Annotated[UUID, typer.Argument(help="The id of the legal hold.")],
    reason: Reason,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Lift a legal hold. What it blocked is erased by 'app privacy resume'."""
    with_tenant(tenant, lambda state, id: state.privacy.holds.lift(id, hold, actor(), reason))
    out.print(f"Legal hold {hold} is lifted.", highlight=False, soft_wrap=True)


@app.command()
def holds(tenant: Tenant = DEFAULT_TENANT) -> None:
    """List the legal holds of a tenant."""
    table = Table("hold", "on", "since (UTC)", "by", "why", box=None)
    for each in with_tenant(tenant, lambda state, id: state.privacy.holds.list(id)):
        cells = (f"{each.kind} {each.subject_id}", f"{each.placed_at:%Y-%m-%d %H:%M}", each.placed_by, each.reason)
        table.add_row(str(each.id), *(escape(cell) for cell in cells))
    out.print(table)


@app.command()
def stores() -> None:
    """List what is stored where, and how it is erased."""
    load_extensions()
    how = {"change": "content replaced", "delete": "rows deleted", "apart": "by code of its own", "kept": "kept"}
    table = Table("store", "content", "erased", "note", box=None)
    for store in CATALOGUE.stores:
        table.add_row(store.table, " ".join([*store.contents, *store.people]), how[store.erasing], store.note)
    for file in CATALOGUE.files:
        table.add_row(file.name, "", "", file.how)
    out.print(table)


@app.command()
def reapply() -> None:
    """Erase again what a restored backup has brought back, by the tombstones in APP_TOMBSTONES."""

    async def work(state: State) -> Sequence[PrivacyRequest]:
        return await state.privacy.tombstones.reapply(await state.privacy.keys.tenants())

    out.print(f"{len(with_state(work))} erasures were applied again.")


@app.command()
def expire() -> None:
    """Erase what is older than policies/privacy.yaml allows. The worker does so every hour."""

    async def work(state: State) -> dict[str, int]:
        counts: dict[str, int] = {}
        for tenant_id in await state.privacy.keys.tenants():
            for kind, count in (await state.privacy.retention.expire(tenant_id)).items():
                counts[kind] = counts.get(kind, 0) + count
        return counts

    expired = with_state(work)
    out.print(", ".join(f"{count} {kind}" for kind, count in expired.items()) or "Nothing is too old.")


@app.command()
def encrypt() -> None:
    """Encrypt original files of all tenants that are not encrypted yet or use an earlier key."""
    _for_every_tenant("files", lambda state, id: state.privacy.originals.encrypt(id, actor()))


@app.command()
def decrypt() -> None:
    """Store all original files unencrypted, before a return to a version of the service that does not encrypt."""
    _for_every_tenant("files", lambda state, id: state.privacy.originals.decrypt(id, actor()))


@app.command()
def rotate_keys() -> None:
    """Make a new key for every tenant and encrypt all original files with it."""
    _for_every_tenant("files", lambda state, id: state.privacy.originals.rotate(id, actor()))


@app.command()
def rotate_master_key() -> None:
    """Encrypt the keys of all tenants by APP_MASTER_KEY. Needs the former one in APP_MASTER_KEY_PREVIOUS."""
    _for_every_tenant("keys of tenants", lambda state, id: state.privacy.originals.rewrap(id))


def _for_every_tenant(what: str, work: Callable[[State, UUID], Awaitable[int]]) -> None:
    """Prints of how many the work was done, over all tenants."""

    async def every(state: State) -> int:
        return sum([await work(state, tenant) for tenant in await state.privacy.keys.tenants()])

    out.print(f"{with_state(every)} {what}.")


@app.command()
def vacuum(
    full: Annotated[
        bool, typer.Option("--full", help="Rewrite the tables (VACUUM FULL); each is locked meanwhile.")
    ] = False,
) -> None:
    """Free the pages of erased rows, as the owner of the tables."""

    async def work(state: State) -> None:
        await refuse_shared_sessions(state.urls.owner, OWNER_SETTING)
        await state.privacy.vacuum(state.urls.owner, full)

    with_state(work)
    out.print("The pages of erased rows are free.")
