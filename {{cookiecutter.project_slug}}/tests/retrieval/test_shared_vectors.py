"""A text that an index holds is not embedded again: copies, later versions, repeated passages; never across tenants."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.core.database import in_one_round_trip
from app.identity.domain import Principal
from app.ingestion.domain.documents import Upload, upload_options
from app.ingestion.domain.policy import DataPolicy
from app.ingestion.service import Ingestion
from app.retrieval.domain import Heading, PublishRequest, text_digest
from app.retrieval.ports import EmbeddingResult
from app.retrieval.repository.stored_vectors import STORED_VECTORS
from app.retrieval.service.retrieval import Retrieval
from app.wiring import State
from tests.conftest import database_urls, state
from tests.retrieval.conftest import WordsEmbedder
from tests.retrieval.test_indexes import SeparateService, ask, ignore, narrow, put, switch_to

# A database of this file: an index is built of all documents, and other files of this folder leave hundreds.
__all__ = ["database_urls", "state"]

DIGESTS = "select array_agg(text_digest) from chunk_vectors where tenant_id = %s and index_number = %s"


def section(number: int) -> str:
    return " ".join(f"Sentence {part} of essay{number} tells about topic{number} and no other." for part in range(4))


@dataclass
class Recorder(WordsEmbedder):
    """Keeps the passages that it was asked for."""

    asked: list[str] = field(default_factory=list)

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        self.asked += texts
        return await super().embed_passages(texts)

    def taken(self) -> list[str]:
        asked, self.asked = self.asked, []
        return asked


@pytest.fixture(scope="module")
def shared_recorder() -> Recorder:
    return Recorder()


@pytest_asyncio.fixture(scope="module")
async def shared_index(state: State, shared_recorder: Recorder) -> Retrieval:
    """The service on an index of the recorder, with chunks of a few sentences."""
    retrieval = SeparateService(state, shared_recorder, *state.retrieval.embedders.values()).retrieval
    built = await retrieval.index_builder.build(narrow(retrieval), ignore)
    await switch_to(retrieval, built.number)
    return retrieval


@pytest.fixture
def recorder(shared_recorder: Recorder) -> Recorder:
    shared_recorder.taken()
    return shared_recorder


@pytest_asyncio.fixture
async def paid(shared_index: Retrieval) -> AsyncIterator[Retrieval]:
    """What another index would have asked the recorder for, the next test does not see: it is retired."""
    yield shared_index
    for row, _, _ in await shared_index.list_indexes(None):
        if row.status not in ("live", "retired"):
            await shared_index.indexes.retire(row.number)
    await shared_index.indexes.reload()


@pytest.fixture
def caller(principal: Principal) -> Principal:
    return replace(principal, groups=frozenset())


async def charges(retrieval: Retrieval, tenant: UUID) -> int:
    async with retrieval.database.read(tenant) as connection:
        counted = text("select count(*) from ledger where feature = 'embedding_document'")
        return int((await connection.execute(counted)).scalar_one())


async def vectors_of(retrieval: Retrieval, request: PublishRequest) -> list[str]:
    async with retrieval.database.read(request.tenant_id) as connection:
        statement = text(
            "select embedding::text from chunk_vectors v join chunks c on c.id = v.chunk_id"
            " where v.document_id = :document and v.gone is null order by c.ordinal"
        )
        return [row[0] for row in await connection.execute(statement, {"document": request.document_id})]


async def test_a_copy_is_not_embedded_or_charged_again(paid, recorder, request_of, tenant, caller):
    body = "\n\n".join(section(number) for number in range(5))
    first, copy = request_of(body, uri="a.md"), request_of(body, uri="b.md")
    await put(paid, first)
    assert len(recorder.taken()) > 3
    charged = await charges(paid, tenant)
    assert charged == 1
    await put(paid, copy)
    assert recorder.taken() == []
    assert await charges(paid, tenant) == charged
    assert await vectors_of(paid, copy) == await vectors_of(paid, first)

    async with paid.database.transaction(tenant) as connection:
        await paid.withdraw(connection, tenant, first.document_id)
    evidence = await ask(paid, caller, "topic3")
    assert {each.uri for each in evidence.passages} == {"b.md"}
    assert recorder.taken() == ["topic3"]
    assert await vectors_of(paid, first) == []
    await put(paid, request_of(body, uri="c.md"))
    assert recorder.taken() == []


async def test_a_later_version_embeds_only_what_changed(paid, recorder, request_of, tenant):
    parts = [section(number) for number in range(6)]
    first = request_of("\n\n".join(parts))
    await put(paid, first)
    before = recorder.taken()
    parts[2] = section(77)
    await put(paid, replace(first, document_version=2, text="\n\n".join(parts)))
    changed = recorder.taken()
    assert 0 < len(changed) < len(before) / 2
    assert all("essay77" in each or "essay1 " in each or "essay3" in each for each in changed)
    # Back to the text before: the chunks of the first version are still there.
    await put(paid, replace(first, document_version=3))
    assert recorder.taken() == []
    assert await charges(paid, tenant) == 2


async def test_a_text_that_repeats_within_a_document_is_embedded_once(paid, recorder, request_of):
    request = request_of("\n\n".join([section(1)] * 4))
    await put(paid, request)
    asked = recorder.taken()
    vectors = await vectors_of(paid, request)
    assert len(asked) == len(set(asked)) < len(vectors)
    assert len(set(vectors)) == len(asked)


async def test_the_headings_are_part_of_the_text(paid, recorder, request_of):
    body = section(5)
    await put(paid, request_of(body))
    recorder.taken()
    titled = f"Lamps\n\n{body}"
    await put(paid, request_of(titled, headings=[Heading(1, "Lamps", 0)]))
    assert any(each.startswith("Lamps\n") for each in recorder.taken())


async def test_another_tenant_shares_nothing(paid, recorder, request_of):
    request = request_of(section(8))
    await put(paid, request)
    asked = recorder.taken()
    await put(paid, replace(request, document_id=uuid4(), tenant_id=uuid4()))
    assert recorder.taken() == asked


async def test_the_lookup_names_its_tenant_beside_row_level_security(paid, request_of, tenant, database_urls):
    """As the owner, whom row-level security does not bind, it still finds nothing of another tenant."""
    await put(paid, request_of(section(8)))
    number = (await paid.indexes.live()).number
    async with await psycopg.AsyncConnection.connect(database_urls.owner) as owner:
        digests = (await (await owner.execute(DIGESTS, (tenant, number))).fetchone())[0]
        found = [
            len(await (await owner.execute(STORED_VECTORS, values | {"tenant": each})).fetchall())
            for values in [{"index": number, "digests": digests}]
            for each in (tenant, uuid4())
        ]
    assert found == [len(set(digests)), 0]


async def test_another_index_is_embedded_anew_and_its_copies_share(paid, recorder, request_of):
    for uri in ("a.md", "b.md"):
        await put(paid, request_of(section(9), uri=uri))
    recorder.taken()
    await paid.index_builder.build(replace(narrow(paid), text_search="simple"), ignore)
    built = [each for each in recorder.taken() if "essay9" in each]
    assert built
    # The check of the new index embeds each sampled text once more.
    assert len([each for each in built if built.count(each) == 1]) == 0


async def test_a_text_that_stands_once_is_embedded_for_another_index_too(paid, recorder, request_of):
    await put(paid, request_of(section(6)))
    before = recorder.taken()
    await paid.index_builder.build(replace(narrow(paid), text_search="simple"), ignore)
    after = recorder.taken()
    # Once for the index, and once more by its check.
    assert [after.count(each) for each in before] == [2] * len(before)


async def test_uploaded_copies_are_embedded_once_also_in_one_batch(paid, recorder, state, principal):
    policy = DataPolicy.model_validate({"owner": "someone", "sources": {"shop": {"duplicates": {"near": "allow"}}}})
    ingestion = Ingestion(replace(state.ingestion.deps, retrieval=paid, data_policy=lambda: policy))
    body = b"The blue ferry leaves the north pier at half past six."
    uploads = [Upload(name, body, name) for name in ("a.txt", "b.txt")]
    items = await ingestion.upload(principal, upload_options("shop", None, {}), uploads)
    await ingestion.process_all(principal.tenant_id, {item.id: item.version for item in items})
    assert [(await ingestion.get(principal, item.id)).status for item in items] == ["published"] * 2
    assert recorder.taken() == [body.decode()]
    await ingestion.delete(principal, items[0].id)
    evidence = await ask(paid, replace(principal, groups=frozenset()), "ferry")
    assert [each.uri for each in evidence.passages] == ["b.txt"]


async def test_texts_with_nul_share_their_vector(paid, recorder, request_of):
    await put(paid, request_of(f"{section(4)}\0 and so on"))
    assert recorder.taken()
    await put(paid, request_of(f"{section(4)}\0 and so on"))
    assert recorder.taken() == []


async def test_all_digests_are_looked_up_in_one_scan(paid, request_of, tenant):
    request = request_of("\n\n".join(section(number) for number in range(5)))
    await put(paid, request)
    number = (await paid.indexes.live()).number
    digests = [text_digest(section(n)) for n in range(50)]
    values = {"tenant": tenant, "index": number, "digests": digests}
    async with paid.database.read(tenant) as connection:
        (rows,) = await in_one_round_trip(connection, (f"explain (analyze) {STORED_VECTORS}", values))
    scans = [row[0] for row in rows if "on chunk_vectors" in row[0]]
    assert scans
    assert all("loops=1)" in scan for scan in scans)
