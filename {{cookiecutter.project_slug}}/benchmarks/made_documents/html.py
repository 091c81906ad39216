"""Pages of many kinds and encodings, with the words that their readers see."""

import random
from collections.abc import Callable, Iterator
from html import escape

from benchmarks.made_documents import MadeDocument

_WORDS = {
    "utf-8": "harbour ferry berth lantern keeper opens après œuvre Straße täglich паром причал 图书馆 借书证 λιμάνι",
    "iso-8859-1": "“lantern” Fähre – Gebühr café €5 naïve garçon façade",
    "windows-1251": "паром причал фонарь открыт каждый день после обеда сторож",
    "gb2312": "图书馆 每天 开放 借书证 五日 内 换发 费用",
    "shift_jis": "図書館 毎日 開館 カード 返却 ①番 髙橋",
    "euc-kr": "도서관 매일 열림 카드 반납",
    "iso-8859-9": "kütüphane ışık gemi iskele ğ",
}
_CODECS = {"iso-8859-1": "cp1252", "gb2312": "gb18030", "shift_jis": "cp932", "euc-kr": "cp949", "iso-8859-9": "cp1254"}
_STYLE = """.dark{background:#1d2733;color:#fff} .side{float:left;width:180px;margin-left:-180px} .none{display:none}
.lead{min-height:0;line-height:0} .row{display:flex} .off{position:absolute;left:-9999px}
@media print{p{display:none}} .menu:hover{display:none}"""
Text = Callable[[], str]
Piece = tuple[str, str]
"""Markup and the words in it that are seen."""


def make(count: int, seed: int) -> Iterator[MadeDocument]:
    for number in range(count):
        chance = random.Random(f"{seed}-{number}")
        encoding = chance.choice(["utf-8", "utf-8", *_WORDS])
        vocabulary = _WORDS[encoding].split()

        def text(chance: random.Random = chance, vocabulary: list[str] = vocabulary) -> str:
            return " ".join(chance.choices(vocabulary, k=chance.randint(2, 14)))

        pieces = [chance.choice(_PIECES)(chance, text) for _ in range(chance.randint(5, 25))]
        body, words = "\n".join(markup for markup, _ in pieces), " ".join(seen for _, seen in pieces)
        title = f"<title>{text()}</title>" if chance.random() < 0.8 else ""
        head = f"{_declared(chance, encoding)}{title}<style>{_STYLE}</style>"
        page = (
            f"<!DOCTYPE html><html><head>{head}</head><body>{body}<nav>Home</nav><footer>Imprint</footer></body></html>"
        )
        yield MadeDocument(f"page-{number:03}.html", page.encode(_CODECS.get(encoding, encoding)), words)


def _declared(chance: random.Random, encoding: str) -> str:
    if chance.random() < 0.5:
        return f'<meta charset="{encoding}">'
    return f'<META http-equiv="Content-Type" content="text/html; charset={encoding.upper()}">'


def _paragraph(chance: random.Random, text: Text) -> Piece:
    words, name = text(), chance.choice(["p", "div", "blockquote", "address", "section", "center", "pre"])
    style = chance.choice(["", ' class="dark"', ' class="side"', ' class="lead"', ' style="min-height:0"'])
    return f"<{name}{style}>{escape(words)}</{name}>", words


def _inline(chance: random.Random, text: Text) -> Piece:
    parts = [text() for _ in range(chance.randint(1, 5))]
    names = [chance.choice(["b", "i", "a href='#'", "span", "code", "mark", "q", "button", "label"]) for _ in parts]
    markup = " ".join(f"<{name}>{part}</{name.split()[0]}>" for name, part in zip(names, parts, strict=True))
    return f"<p>{markup}<br>{parts[0]}</p>", " ".join([*parts, parts[0]])


def _letters(chance: random.Random, text: Text) -> Piece:
    """A word in several elements, and one with soft hyphens and entities."""
    word = text().split()[0]
    return f"<p>{word[:1]}<b>{word[1:2]}</b><i>{word[2:]}</i> in&shy;dex &amp; caf&eacute;</p>", f"{word} index café"


def _heading(chance: random.Random, text: Text) -> Piece:
    words, level = text(), chance.randint(1, 6)
    inner = chance.choice(["{}", "<button>{}</button>", "<div>{}</div>", "<a href='#'><span>{}</span></a>"])
    outer = chance.choice(["{}", "<header>{}</header>", "<a>{}</a>", "<details><summary>{}</summary></details>"])
    return outer.format(f"<h{level}>{inner.format(words)}</h{level}>"), words


def _list(chance: random.Random, text: Text) -> Piece:
    items = [text() for _ in range(chance.randint(1, 6))]
    name = chance.choice(["ul", "ol", "ol start=4"])
    nested = text()
    markup = "".join(f"<li>{item}" if chance.random() < 0.5 else f"<li><p>{item}</p></li>" for item in items)
    return f"<{name}>{markup}<li><ul><li>{nested}</ul></{name.split()[0]}>", " ".join([*items, nested])


def _definitions(chance: random.Random, text: Text) -> Piece:
    pairs = [(text(), text()) for _ in range(chance.randint(1, 4))]
    return f"<dl>{''.join(f'<dt>{a}<dd>{b}' for a, b in pairs)}</dl>", " ".join(f"{a} {b}" for a, b in pairs)


def _table(chance: random.Random, text: Text) -> Piece:
    width, height = chance.randint(1, 5), chance.randint(1, 20)
    rows = [[text() if chance.random() < 0.8 else "" for _ in range(width)] for _ in range(height)]
    cell = chance.choice(["{}", "<p>{}</p>", "<div><span>{}</span></div>", "<ul><li>{}</ul>"])
    size = chance.choice(["", " style='height:0'", " class='lead'", " bgcolor=black style='color:white'"])
    name = chance.choice(["td", "th"])
    lines = [f"<tr{size}>{''.join(f'<{name}>{cell.format(each)}</{name}>' for each in row)}</tr>" for row in rows]
    caption = text()
    words = [caption, *(each for row in rows for each in row)]
    return f"<table><caption>{caption}</caption>{''.join(lines)}</table>", " ".join(words)


def _spans(chance: random.Random, text: Text) -> Piece:
    a, b, c, d, inner = (text() for _ in range(5))
    nested = f"<table><tr><td>{inner}<td>{a}</table>"
    markup = f"<tr><th rowspan=2>{a}<th colspan=2>{b}</tr><tr><td>{c}<td>{d}{nested}</tr>"
    return f"<table>{markup}</table>", " ".join([a, b, c, d, inner, a])


def _form(chance: random.Random, text: Text) -> Piece:
    a, b, c, d = (text() for _ in range(4))
    markup = f"<label>{a}<select><option>{b}<option selected>{c}</select></label><textarea>{d}</textarea>"
    hidden = "<input type=hidden value=hidden><input type=checkbox value=on>"
    return f"<form>{markup}{hidden}<input value='{escape(a)}'></form>", " ".join([a, b, c, d, a])


def _figure(chance: random.Random, text: Text) -> Piece:
    a, b = text(), text()
    drawing = f"<svg viewBox='0 0 9 9'><title>no</title><text x=1 y=2>{a}</text></svg>"
    return f"<figure>{drawing}<figcaption>{b}</figcaption></figure>", f"{a} {b}"


def _article(chance: random.Random, text: Text) -> Piece:
    a, b, c = text(), text(), text()
    return f"<article>{a}<nav>{b}</nav><footer>{c}</footer></article>", f"{a} {b} {c}"


def _boxes(chance: random.Random, text: Text) -> Piece:
    parts = [text() for _ in range(4)]
    return f"<div class=row>{''.join(f'<span>{part}</span>' for part in parts)}</div>", " ".join(parts)


def _accordion(chance: random.Random, text: Text) -> Piece:
    a, b, number = text(), text(), chance.randint(1, 999_999)
    control = f"<h3><button aria-expanded=false aria-controls=p{number}>{a}</button></h3>"
    return f"{control}<div id=p{number} hidden>{b}</div>", f"{a} {b}"


def _hidden(chance: random.Random, text: Text) -> Piece:
    means = [
        "class=none",
        "class=off",
        "hidden",
        "style='font-size:0'",
        "style='color:#fff'",
        "style='height:0;overflow:hidden'",
    ]
    return f"<div {chance.choice(means)}>secret</div><template>secret</template><!-- secret -->", ""


def _numbered(chance: random.Random, text: Text) -> Piece:
    items = [text() for _ in range(3)]
    attributes, numbers = chance.choice(
        [
            ("type=a", "a b c"),
            ("type=I start=4", "IV V VI"),
            ("reversed", "3 2 1"),
            ("style='list-style:lower-roman'", "i ii iii"),
        ]
    )
    return f"<ol {attributes}>{''.join(f'<li>{item}' for item in items)}</ol>", " ".join([numbers, *items])


def _from_above(chance: random.Random, text: Text) -> Piece:
    a, *others = (text() for _ in range(4))
    rows = "<tr>".join(f"<td>{each}" for each in others)
    return f"<table><tr><td rowspan=3>{a}{rows}</table>", " ".join([a, *others])


def _raised(chance: random.Random, text: Text) -> Piece:
    words, number = text(), chance.randint(2, 9)
    ruby = "<ruby>Edo<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>"
    return f"<p>{words} 10<sup>{number}</sup> {ruby}</p><noscript>secret</noscript>", f"{words} 10{number} Edo kan"


_PIECES = (
    *(_paragraph, _inline, _letters, _heading, _list, _definitions, _table, _spans, _form),
    *(_figure, _article, _boxes, _accordion, _hidden, _numbered, _from_above, _raised),
)
