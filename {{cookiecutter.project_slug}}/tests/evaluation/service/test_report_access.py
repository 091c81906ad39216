"""The quotes of a report can be read only by keys that may read their documents, whoever may read reports."""

import re
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest_asyncio

from app.core.ids import new_id
from app.evaluation import repository
from app.evaluation.domain.runs import EvaluationRun
from app.retrieval.domain import PublishRequest
from app.wiring import State
from tests.evaluation.conftest import House
from tests.evaluation.sample_reports import AT, report
from tests.evaluation.test_routes import client_of

QUESTION = "Which word is on the door?"
SECRET = "Up to six weeks"


async def publish(state: State, tenant: UUID, *groups: str) -> UUID:
    about = ("Doors", "tests", f"{uuid4()}.md", "The word on the door is ash.")
    prepared = await state.retrieval.prepare(PublishRequest(uuid4(), tenant, 1, *about, access_groups=groups))
    async with state.database.transaction(tenant) as connection:
        await state.retrieval.publish(connection, prepared)
    return prepared.request.document_id


async def store_report(state: State, tenant: str, document: UUID | None) -> str:
    """Store a report whose cases all come from this document; returns its address."""
    made = report(loss=0.3, question=QUESTION)
    parts = (made.candidate, made.baseline, made.policy, made.policy_digest, made.seed)
    # No two reports are the same one.
    made = made.make(*parts, AT.replace(microsecond=new_id().int % 10**6), made.worsened, made.judgement)
    release = await state.releases.create("ada")
    run = EvaluationRun(new_id(), release.id, "all", "0" * 64, None, None, "ada", "queued", 0, 1, {}, AT)
    documents = [] if document is None else [str(document)]
    sources = {case.case_id: {tenant: documents} for case in made.worsened} if document else {}
    async with state.database.transaction(None) as connection:
        await repository.add_report(connection, made.digest, made.canonical, AT, sources)
        await repository.add_run(connection, run)
        ended = {"status": "done", "ended_at": AT, "report": made.digest, "verdict": "FAIL"}
        await repository.change_run(connection, run.id, **ended)
    return f"/v1/evaluations/{run.id}/report"


@pytest_asyncio.fixture
async def readers(service: State) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """A key of the service, and one that also has the group; both with their tenant."""
    tenant = await service.identity.ensure_tenant("readers")
    clients = {}
    for name, groups in (("none", []), ("board", ["board"])):
        key = await service.identity.create_key(tenant, name, ["service"], groups)
        clients[name] = client_of(service, key.text)
    yield clients
    for client in clients.values():
        await client.aclose()


async def shows_texts(client: httpx.AsyncClient, address: str) -> bool:
    """Whether the texts of the cases are shown; asserts that the three formats agree."""
    forms = [(await client.get(f"{address}.{form}")).text for form in ("json", "md", "html")]
    found = {SECRET in re.sub(r"\s+", " ", form) and "word is on the door" in form for form in forms}
    [answer] = found
    if not answer:
        assert all("withheld" in form for form in forms)
    return answer


async def test_a_case_is_shown_to_keys_that_may_read_its_documents_now(
    service: State, house: House, readers: dict[str, httpx.AsyncClient]
) -> None:
    tenant = await service.identity.ensure_tenant(house.tenant)
    document = await publish(service, tenant, "board")
    address = await store_report(service, house.tenant, document)
    assert (await shows_texts(readers["none"], address), await shows_texts(readers["board"], address)) == (False, True)
    async with service.database.transaction(tenant) as connection:
        await service.retrieval.set_access(connection, tenant, document, [])
    assert await shows_texts(readers["none"], address)
    async with service.database.transaction(tenant) as connection:
        await service.retrieval.withdraw(connection, tenant, document)
    assert not await shows_texts(readers["board"], address)


async def test_documents_of_a_tenant_are_hidden_from_others(
    service: State, readers: dict[str, httpx.AsyncClient]
) -> None:
    own, other = [await service.identity.ensure_tenant(name) for name in ("readers", "strangers")]
    assert await shows_texts(readers["none"], await store_report(service, "readers", await publish(service, own)))
    assert not await shows_texts(
        readers["none"], await store_report(service, "strangers", await publish(service, other))
    )


async def test_a_case_with_unknown_sources_is_not_shown(
    service: State, house: House, readers: dict[str, httpx.AsyncClient]
) -> None:
    assert not await shows_texts(readers["board"], await store_report(service, house.tenant, None))
