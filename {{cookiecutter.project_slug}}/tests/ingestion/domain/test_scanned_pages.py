import pytest

from app.ingestion.domain.scanned_pages import may_be_read_further, recognised_by, unread_pages

NONE = {"rule": "scanned_pages", "detail": "pages that are pictures without text were not read, of 3"}
BY = {"rule": "scanned_pages", "detail": f"pages … were not read {recognised_by(['eng'])}, of 3"}


@pytest.mark.parametrize(
    ("finding", "languages", "further"),
    [
        (NONE, (), False),
        (NONE, ("eng",), True),
        (BY, (), False),
        (BY, ("eng",), False),
        (BY, ("deu", "eng"), True),
        ({"rule": "recognised_text", "detail": "x"}, ("eng",), False),
    ],
)
def test_pages_may_be_read_where_another_recognition_is_installed(
    finding: dict[str, str], languages: tuple[str, ...], further: bool
) -> None:
    assert may_be_read_further(unread_pages([finding]), languages) is further
