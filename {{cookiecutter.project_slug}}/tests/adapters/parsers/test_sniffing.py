import re
from dataclasses import dataclass

import pytest

from app.adapters.parsers import sniffing
from app.adapters.parsers.sniffing import kind_of


@pytest.mark.parametrize(
    "page",
    [
        b"<html>",
        b"\n <!DOCTYPE html>",
        b"<!-- a --><!-- b --> <body class='x'>",
        b"<!-- <p> -- > -->\n<HEAD>",
        b"<!--" + b"x" * 3000 + b"--><html>",
    ],
)
def test_a_page_is_known_by_its_first_tag(page: bytes) -> None:
    assert kind_of(page, "a.html") == "html"
    with pytest.raises(Exception, match="The file is HTML"):
        kind_of(page, "a.txt")


@pytest.mark.parametrize(
    "text", [b"<!-- never closed <html>", b"<!-- a --> b <html>", b"<p>", b"<htmlish>", b"a <html>"]
)
def test_what_does_not_begin_with_such_a_tag_is_none(text: bytes) -> None:
    assert kind_of(text, "a.txt") == "text"


@dataclass
class Counting:
    """A pattern, and at how many places it was tried."""

    pattern: re.Pattern[bytes]
    tried: int = 0

    def match(self, text: bytes, at: int) -> re.Match[bytes] | None:
        self.tried += 1
        return self.pattern.match(text, at)


@pytest.mark.parametrize("comments", [10, 100, 500])
def test_comments_without_end_are_gone_over_once(monkeypatch: pytest.MonkeyPatch, comments: int) -> None:
    counting = Counting(sniffing._BEFORE_HTML)
    monkeypatch.setattr(sniffing, "_BEFORE_HTML", counting)
    made_up = b"<!---->" * comments + b"<!-- <hat"
    assert kind_of(made_up, "a.txt") == "text"
    assert counting.tried == comments + 1


def test_spaces_between_comments_are_no_reason_to_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(sniffing._BEFORE_HTML)
    monkeypatch.setattr(sniffing, "_BEFORE_HTML", counting)
    assert kind_of(b"<!-- -->   " * 300 + b"<hat", "a.txt") == "text"
    assert counting.tried <= 2 * 300 + 1
