"""Documents as published to the indexes."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.domain import Chunk, Evidence, Passage, PreparedDocument, PublishRequest, chunk_id, indexed_text
from app.retrieval.domain.documents import PreparedChunk

DOCUMENT = UUID(int=7)


def test_the_headings_above_a_chunk_are_searched_with_it() -> None:
    assert (
        indexed_text(Chunk(0, "Within 14 days.", ("Orders", "Refunds"), 0, 15)) == "Orders > Refunds\nWithin 14 days."
    )
    assert indexed_text(Chunk(0, "Within 14 days.", (), 0, 15)) == "Within 14 days."


def test_a_chunk_keeps_its_id_when_it_is_published_again() -> None:
    assert chunk_id(DOCUMENT, 1, 2, 3) == chunk_id(DOCUMENT, 1, 2, 3)
    ids = {chunk_id(DOCUMENT, *place) for place in [(1, 1, 0), (2, 1, 0), (1, 2, 0), (1, 1, 1)]}
    assert len(ids) == 4


def test_access_groups_are_sorted_and_named_once() -> None:
    request = PublishRequest(DOCUMENT, UUID(int=1), 1, "", "", "", "", access_groups=["staff", "crew", "staff"])
    assert request.groups == ["crew", "staff"]


def prepared(**chunks: int) -> PreparedDocument:
    """So many chunks in each index."""
    by_index = {
        number: [PreparedChunk(Chunk(ordinal, "", (), 0, 0), None) for ordinal in range(count)]
        for number, count in enumerate(chunks.values())
    }
    return PreparedDocument(PublishRequest(DOCUMENT, DOCUMENT, 1, "", "", "", ""), by_index, {})


def test_a_document_counts_as_many_chunks_as_the_index_that_cuts_it_finest() -> None:
    assert prepared(coarse=2, fine=5).chunks == 5
    assert prepared().chunks == 0


def test_evidence_names_each_document_of_its_passages_once() -> None:
    def passage(document: int) -> Passage:
        return Passage(UUID(int=9), UUID(int=document), "", "", "", (), "", 0, 0, 0.5, 1.0, None, 1)

    found = (passage(1), passage(2), passage(1))
    assert Evidence(found, UUID(int=3), 1, 1, None, 1.0).documents == {UUID(int=1), UUID(int=2)}
    assert Evidence((), UUID(int=3), 1, 1, None, 0.0).documents == frozenset()


@given(st.lists(st.text("abc", max_size=3), max_size=6))
def test_the_order_of_access_groups_does_not_matter(groups: list[str]) -> None:
    requests = [
        PublishRequest(DOCUMENT, UUID(int=1), 1, "", "", "", "", access_groups=each) for each in (groups, groups[::-1])
    ]
    assert requests[0].groups == requests[1].groups == sorted(set(groups))
