"""A browser is the independent reader of a page: what it shows as text is read, and what is hidden it does not show."""

import json
import re
import subprocess
from html import escape, unescape
from pathlib import Path

import pytest

from app.adapters.parsers.dispatch import parse
from app.adapters.parsers.word_loss import with_word_loss
from app.ingestion.domain.parsed_document import ParsedDocument
from app.safety.domain.text import normalise
from benchmarks.made_documents.html import make
from tests.console.browser import installed

pytestmark = pytest.mark.skipif(
    installed() is None, reason="no browser on the PATH: install chromium, or name one in CHROMIUM"
)
PAGES = 20
_COLLECT = """<script>addEventListener('load', () => {
  const texts = [...document.querySelectorAll('iframe')].map(frame => frame.contentDocument.body.innerText)
  document.documentElement.innerHTML = '<pre></pre>'
  document.querySelector('pre').textContent = JSON.stringify(texts)
})</script>"""
_CHARSET = re.compile(r"charset=\"?[\w-]+\"?", re.IGNORECASE)


def shown_by_the_browser(pages: list[str], folder: Path) -> list[str]:
    frames = "".join(f"<iframe width=1280 height=900 srcdoc='{escape(page)}'></iframe>" for page in pages)
    file = folder / "pages.html"
    file.write_text(f"<!doctype html><meta charset=utf-8>{frames}{_COLLECT}", "utf-8")
    command = [
        str(installed()),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'profile'}",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=300, check=True
    )
    found = re.search("<pre>(.*)</pre>", done.stdout, re.DOTALL)
    assert found
    return list(json.loads(unescape(found[1])))


def missing(text: str, words: str) -> dict[str, int]:
    loss = with_word_loss(ParsedDocument("text", text), lambda: [("page", words)]).loss
    assert loss is not None
    return dict(loss.lost)


@pytest.mark.slow
def test_what_a_browser_shows_is_read(tmp_path: Path) -> None:
    documents = [parse(made.data, made.name) for made in make(PAGES, 7)]
    sources = [_CHARSET.sub("charset=utf-8", made.data.decode(_codec(made.data))) for made in make(PAGES, 7)]
    shown = shown_by_the_browser([_as_seen(source) for source in sources], tmp_path)
    assert len(shown) == PAGES
    for document, text in zip(documents, shown, strict=True):
        # Text of the colour of its background, or off the screen, is text for a browser.
        seen = re.sub(r"\bsecret\b|Home\s+Imprint\s*$", "", normalise(text).text)
        assert missing(document.text, seen) == {}, text
        assert "secret" not in document.text


def _as_seen(source: str) -> str:
    """A browser shows boxes in a row apart and ruby text above its letters, but copies both without a sign between."""
    return re.sub("<rp>(.)</rp>", r"\1", source.replace("</span><span>", "</span> <span>"))


def _codec(data: bytes) -> str:
    label = re.search(rb"charset=\"?([\w-]+)", data)
    assert label
    names = {
        "iso-8859-1": "cp1252",
        "gb2312": "gb18030",
        "shift_jis": "cp932",
        "euc-kr": "cp949",
        "iso-8859-9": "cp1254",
    }
    return names.get(label[1].decode().lower(), label[1].decode())
