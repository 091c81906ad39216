"""Search over published documents, with access groups and corpus versions."""

from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text as sql

from app.retrieval.domain import Heading, StaleDocument
from tests.samples import total

RIVER = "The river Tarn rises on Mont Lozère and is dammed near Pinet."
BRIDGE = "The viaduct of Millau carries a motorway over the river Tarn."
BREAD = "Sourdough needs flour, water, salt and a day of patience."


async def test_a_published_document_is_found_with_its_position(publish, search, request_of):
    text = "# Rivers\n\n" + RIVER
    request = request_of(text, title="Rivers of France", uri="rivers.md", headings=[Heading(1, "Rivers", 0)])

    version = await publish(request)
    evidence = await search("Where does the Tarn rise?")

    passage = evidence.passages[0]
    assert (passage.document_id, passage.title, passage.uri) == (request.document_id, "Rivers of France", "rivers.md")
    assert text[passage.start : passage.end] == passage.text == RIVER
    assert passage.headings == ("Rivers",)
    assert evidence.corpus_version == version == 1
    assert evidence.top_bm25 == passage.bm25 > 0


async def test_an_empty_corpus_gives_no_passages(search):
    evidence = await search("anything")
    assert evidence.passages == ()
    assert evidence.corpus_version == 0
    assert evidence.top_bm25 == 0


@pytest.mark.parametrize("query", ["the of and", "zebra", "?!", "\0", "' & | ! :* <->", "%s %(x)s \\"])
async def test_a_query_without_known_words_has_no_results(publish, search, request_of, query):
    await publish(request_of(RIVER))
    assert (await search(query)).passages == ()


async def test_rare_words_weigh_more_than_common_ones(publish, search, request_of):
    for number in range(6):
        await publish(request_of(f"The river flows past village {number}, and the river is wide."))
    rare = request_of(BRIDGE)
    await publish(rare)
    assert (await search("river viaduct")).passages[0].document_id == rare.document_id


async def test_hyphenated_words_are_found_as_parts_and_as_a_whole(publish, search, request_of):
    await publish(request_of("Heat transfer in a boundary-layer at high speed."))
    for query in ("boundary layers", "boundary-layer", "layer"):
        assert len((await search(query)).passages) == 1


async def test_headings_are_searched_too(publish, search, request_of):
    text = "# Refunds\n\nThey are paid within ten days."
    await publish(request_of(text, headings=[Heading(1, "Refunds", 0)]))
    assert len((await search("refund")).passages) == 1


async def test_a_new_version_replaces_the_old_one_at_once(publish, search, request_of):
    request = request_of(RIVER)
    await publish(request)
    newer = request_of(BREAD, document_id=request.document_id, document_version=2)
    assert await publish(newer) == 2
    assert (await search("Tarn")).passages == ()
    assert [p.version for p in (await search("sourdough")).passages] == [2]


async def test_a_late_older_version_is_rejected(publish, search, request_of):
    request = request_of(RIVER, document_version=2)
    await publish(request)
    with pytest.raises(StaleDocument):
        await publish(request_of(BREAD, document_id=request.document_id, document_version=1))
    assert len((await search("Tarn")).passages) == 1


async def test_publishing_the_same_version_twice_has_no_effect(publish, search, request_of):
    request = request_of(RIVER)
    assert await publish(request) == await publish(request) == 1
    assert len((await search("Tarn")).passages) == 1


async def test_an_earlier_corpus_version_always_gives_the_same_results(publish, search, request_of):
    first = request_of(RIVER)
    await publish(first)
    then = await publish(request_of(BRIDGE))
    before = (await search("river Tarn dammed")).passages

    for number in range(20):
        await publish(request_of(f"Another river, number {number}, joins the Tarn."))
    await publish(request_of(BREAD, document_id=first.document_id, document_version=2))

    assert (await search("river Tarn dammed")).passages != before
    assert (await search("river Tarn dammed", corpus_version=then)).passages == before
    assert (await search("river Tarn dammed", corpus_version=0)).passages == ()


async def test_where_copies_are_in_the_way_it_looks_further_in_the_same_version(publish, search, request_of):
    for name in ("one.md", "two.md", "three.md"):
        then = await publish(request_of(RIVER, uri=name))
    await publish(request_of(BRIDGE))
    assert {each.text for each in (await search("river Tarn", limit=2)).passages} == {RIVER, BRIDGE}
    assert [each.text for each in (await search("river Tarn", limit=2, corpus_version=then)).passages] == [RIVER]


async def test_a_withdrawn_document_is_removed_from_every_version(retrieval, publish, search, request_of, tenant):
    request = request_of(RIVER)
    version = await publish(request)
    async with retrieval.database.transaction(tenant) as connection:
        assert await retrieval.withdraw(connection, tenant, request.document_id) == version + 1
    assert (await search("Tarn")).passages == ()
    assert (await search("Tarn", corpus_version=version)).passages == ()
    with pytest.raises(StaleDocument):
        await publish(request)
    async with retrieval.database.read(tenant) as connection:
        chunks = await connection.execute(sql("select count(*) from chunks"))
        documents = await connection.execute(sql("select text from indexed_documents"))
        assert (chunks.scalar(), documents.scalar()) == (0, "")


async def test_a_document_that_is_withdrawn_is_not_found_whatever_is_left_of_it(retrieval, publish, search, request_of):
    request = request_of(RIVER)
    await publish(request)
    async with retrieval.database.transaction(request.tenant_id) as connection:
        withdrawn = sql("update indexed_documents set withdrawn = true where document_id = :d")
        await connection.execute(withdrawn, {"d": request.document_id})
    assert (await search("Tarn")).passages == ()


async def test_restricted_documents_are_found_by_their_readers_only(publish, search, request_of):
    await publish(request_of(RIVER, access_groups=["geo", "staff"]))
    await publish(request_of(BRIDGE))
    assert len((await search("Tarn")).passages) == 1
    assert len((await search("Tarn", groups=["kitchen"])).passages) == 1
    assert len((await search("Tarn", groups=["geo", "kitchen"])).passages) == 2


async def test_restricting_a_document_applies_at_once_to_every_version(retrieval, publish, search, request_of, tenant):
    request = request_of(RIVER)
    version = await publish(request)
    async with retrieval.database.transaction(tenant) as connection:
        await retrieval.set_access(connection, tenant, request.document_id, ["geo"])
    assert (await search("Tarn")).passages == ()
    assert (await search("Tarn", corpus_version=version)).passages == ()
    assert len((await search("Tarn", groups=["geo"])).passages) == 1
    async with retrieval.database.transaction(tenant) as connection:
        await retrieval.set_access(connection, tenant, request.document_id, [])
    assert len((await search("Tarn")).passages) == 1


async def test_another_tenants_documents_are_never_found(state, retrieval, publish, search, request_of):
    other = await state.identity.ensure_tenant(f"other-{uuid4().hex}")
    await publish(request_of(RIVER, tenant_id=other))
    assert (await search("Tarn")).passages == ()


async def test_row_level_security_hides_the_chunks_of_other_tenants(state, publish, request_of, tenant):
    await publish(request_of(RIVER))
    other = await state.identity.ensure_tenant(f"other-{uuid4().hex}")
    tables = ["chunks", "chunk_terms", "chunk_vectors", "indexed_documents", "term_stats", "corpora"]
    for table in [*tables, "corpus_versions", "access_counts"]:
        async with state.database.read(other) as connection:
            assert (await connection.execute(sql(f"select count(*) from {table}"))).scalar() == 0


async def test_a_failed_publish_changes_nothing(retrieval, publish, search, request_of, tenant):
    await publish(request_of(BREAD))
    prepared = await retrieval.prepare(request_of(RIVER))
    with pytest.raises(ZeroDivisionError):
        async with retrieval.database.transaction(tenant) as connection:
            await retrieval.publish(connection, prepared)
            raise ZeroDivisionError
    assert (await search("Tarn")).passages == ()
    assert (await search("sourdough")).corpus_version == 1


async def test_texts_with_nul_and_unusual_characters_are_published(publish, search, request_of):
    await publish(request_of("Tarn\0river \U0001f30a " + "x" * 5000))
    assert len((await search("river")).passages) == 1


async def test_search_over_http_returns_passages_and_their_index(client: httpx.AsyncClient, publish, request_of):
    before = total("app_search_seconds_count", step="find")
    await publish(request_of(RIVER))
    reply = await client.post("/v1/search", json={"query": "Where does the Tarn rise?", "limit": 3})
    assert reply.status_code == 200
    body = reply.json()
    assert body["passages"][0]["text"] == RIVER
    assert body["corpus_version"] == 1
    assert UUID(body["index_id"])
    assert set(body["timings_ms"]) == {"embed", "search"}
    assert total("app_search_seconds_count", step="find") == before + 1


@pytest.mark.parametrize("body", [{"query": " "}, {"query": "x", "limit": 0}, {"query": "x", "limit": 51}, {}])
async def test_an_invalid_search_is_rejected(client: httpx.AsyncClient, body):
    assert (await client.post("/v1/search", json=body)).status_code == 422


async def test_indexes_are_listed_for_operators(client: httpx.AsyncClient, publish, request_of):
    await publish(request_of(RIVER))
    live = next(item for item in (await client.get("/v1/indexes")).json()["items"] if item["status"] == "live")
    assert (live["documents"], live["chunks"], live["embedder"]) == (1, 1, "none")
    assert (live["text_search"], live["analyzer"], live["chunker"]) == ("english", "bigrams-1", "structure-2")


OPEN_CHUNKS = "update chunk_terms set access_groups = null where document_id = :d"
OPEN_DOCUMENT = "update indexed_documents set access_groups = '{}' where document_id = :d"


@pytest.mark.parametrize("statement", [OPEN_CHUNKS, OPEN_DOCUMENT])
async def test_each_of_the_two_access_checks_suffices(retrieval, publish, search, request_of, statement):
    request = request_of(RIVER, access_groups=["geo"])
    await publish(request)
    async with retrieval.database.transaction(request.tenant_id) as connection:
        await connection.execute(sql(statement), {"d": request.document_id})
    assert (await search("Tarn")).passages == ()
