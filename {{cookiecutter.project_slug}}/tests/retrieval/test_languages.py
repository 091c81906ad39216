"""Words of languages without spaces, of other scripts and of other widths are found in the database."""

from dataclasses import replace

import pytest

from app.retrieval.domain import chunk
from app.retrieval.repository import index_catalogue
from app.retrieval.repository.search_queries import SearchQuery, search
from app.retrieval.service import document_preparation
from tests.retrieval.test_indexes import SeparateService, ask, caller, ignore, live_index, put, switch_to, words

__all__ = ["caller", "live_index", "words"]

PASSAGES = {
    "zh": "市图书馆上午九点开门，逾期罚款每天两角钱。",
    "ja": "市立図書館は九時に開館します。延滞料は一日二十円です。",
    "th": "ห้องสมุดประชาชนเปิดเวลาเก้านาฬิกา ค่าปรับเล่มละสองบาทต่อวัน",
    "ko": "시립 도서관은 아홉 시에 문을 엽니다. 연체료는 이십 원입니다.",
    "ru": "Городские библиотеки открываются в девять часов.",
    "ar": "تفتح المكتبات أبوابها في الساعة التاسعة.",
    "wide": "The ｆｉｌｅ server keeps ﬁnancial ﾃﾞｰﾀ of the café.",
}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("图书馆几点开门？", "zh"),
        ("罚款", "zh"),
        ("延滞料はいくらですか？", "ja"),
        ("図書館", "ja"),
        ("ค่าปรับเท่าไหร่", "th"),
        ("도서관이 언제 열어요?", "ko"),
        ("библиотека", "ru"),
        ("المكتبة", "ar"),
        ("file", "wide"),
        ("financial", "wide"),
        ("データ", "wide"),
        ("cafe\u0301", "wide"),
    ],
)
async def test_each_is_found_by_its_words_alone(publish, retrieval, principal, request_of, query, found):
    for name, text in PASSAGES.items():
        await publish(request_of(text, title=name))
    index = await retrieval.indexes.live()
    asked = SearchQuery(principal.tenant_id, index, query, None, (), 10, retrieval.params)
    passages = (await search(retrieval.database, asked)).passages
    assert passages[0].title == found
    assert passages[0].text == PASSAGES[found]  # as it was written


async def test_a_long_passage_of_pairs_scores_like_a_long_one_of_words(publish, search, request_of):
    await publish(request_of("读者一次可以借十本书，并且可以在网上续借两次。" * 14 + "逾期罚款每天两角钱。" * 2))
    evidence = await search("逾期罚款是多少？")
    assert evidence.top_bm25 > 0.5 * evidence.possible_bm25


async def test_an_index_of_before_goes_on_and_a_new_one_finds_more(state, live_index, words, caller, request_of):
    service = SeparateService(state, *state.retrieval.embedders.values(), words).retrieval
    async with service.database.transaction(None) as connection:
        before = await index_catalogue.add_index(
            connection, replace(service.indexes.first, analyzer="plain"), "building", service.clock.now()
        )
    old = await service.index_builder.build(before.fingerprint, ignore)
    assert (old.number, old.fingerprint.analyzer) == (before.number, "plain")
    await switch_to(service, old.number)
    text = "The harbour office: 港湾事務所の営業時間は九時からです。"
    await put(service, request_of(text, tenant_id=caller.tenant_id))

    async def found(query: str) -> float:
        return (await ask(service, caller, query)).top_bm25

    assert await found("harbour office") > 0
    assert await found("営業時間") == 0
    new = await service.index_builder.build(service.indexes.first, ignore)
    await switch_to(service, new.number)
    assert await found("harbour office") > 0
    assert await found("営業時間") > 0
    await switch_to(service, live_index)


@pytest.mark.parametrize("sentences", [60, 700], ids=["in the loop", "in a thread"])
async def test_each_index_is_chunked_by_the_version_it_was_built_with(retrieval, request_of, sentences):
    new = await retrieval.indexes.live()
    old = replace(new, number=new.number + 1, fingerprint=replace(new.fingerprint, chunker="structure-1"))
    text = "図書館は午前九時に開館します。" * sentences
    prepared = await document_preparation.prepare([new, old], request_of(text), retrieval.passages)
    of_new, of_old = ([each.chunk for each in prepared.by_index[index.number]] for index in (new, old))
    assert of_new == chunk(text, [], new.fingerprint.params, "structure-2")
    assert of_old == chunk(text, [], old.fingerprint.params, "structure-1")
    assert len(of_new) > len(of_old)


async def test_a_question_that_the_embedder_cannot_read_is_searched_by_words(
    state, live_index, words, caller, request_of
):
    service = SeparateService(state, *state.retrieval.embedders.values(), words).retrieval
    fingerprint = replace(service.indexes.first, embedder=words.name, dimensions=words.dimensions)
    built = await service.index_builder.build(fingerprint, ignore)
    await switch_to(service, built.number)
    await put(service, request_of("The office: 営業時間は九時からです。", tenant_id=caller.tenant_id))
    read, unread = await ask(service, caller, "office"), await ask(service, caller, "営業時間")
    assert read.top_dense is not None
    assert (len(unread.passages), unread.top_dense, unread.degraded) == (1, None, None)
