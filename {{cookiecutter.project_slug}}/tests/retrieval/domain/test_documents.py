"""Documents as published to the indexes."""

from uuid import UUID

from app.retrieval.domain import Chunk, PublishRequest, chunk_id, indexed_text

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
