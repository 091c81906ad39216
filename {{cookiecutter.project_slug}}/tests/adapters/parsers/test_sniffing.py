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
def test_html_is_detected_by_its_first_tag(page: bytes) -> None:
    assert kind_of(page, "a.html") == "html"
    with pytest.raises(Exception, match="The file is HTML"):
        kind_of(page, "a.txt")


@pytest.mark.parametrize(
    "text", [b"<!-- never closed <html>", b"<!-- a --> b <html>", b"<p>", b"<htmlish>", b"a <html>"]
)
def test_text_without_such_a_tag_is_not_html(text: bytes) -> None:
    assert kind_of(text, "a.txt") == "text"


@dataclass
class Counting:
    """A pattern that counts its matches."""

    pattern: re.Pattern[bytes]
    calls: int = 0

    def match(self, text: bytes, at: int) -> re.Match[bytes] | None:
        self.calls += 1
        return self.pattern.match(text, at)


@pytest.mark.parametrize("comments", [10, 100, 500])
def test_unclosed_comments_are_scanned_once(monkeypatch: pytest.MonkeyPatch, comments: int) -> None:
    counting = Counting(sniffing._BEFORE_HTML)
    monkeypatch.setattr(sniffing, "_BEFORE_HTML", counting)
    page = b"<!---->" * comments + b"<!-- <hat"
    assert kind_of(page, "a.txt") == "text"
    assert counting.calls == comments + 1


def test_spaces_between_comments_do_not_cause_backtracking(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(sniffing._BEFORE_HTML)
    monkeypatch.setattr(sniffing, "_BEFORE_HTML", counting)
    assert kind_of(b"<!-- -->   " * 300 + b"<hat", "a.txt") == "text"
    assert counting.calls <= 2 * 300 + 1
