"""Word documents of many kinds, by python-docx and from XML, with the words that their readers see."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO

import docx
from docx.document import Document

from benchmarks.made_documents import MadeDocument
from tests.adapters.parsers.word_files import (
    cell,
    control,
    drawing,
    field,
    paragraph,
    part,
    row,
    run,
    shape,
    table,
    word,
)

_WORDS = {
    "en": "harbour ferry berth lantern keeper opens closes before after every visitor self-service well-known 2026 3.5",
    "de": "Gebühr Straße Größe Öffnung täglich über für Bücherei Mahnung Fähre 14. Überprüfung",
    "fr": "été élève forêt hôtel l'heure bibliothèque ouverte déjà œuvre 7 %",
    "ru": "паром причал фонарь открыт каждый день после обеда сторож",
    "el": "λιμάνι πλοίο φάρος ανοίγει κάθε μέρα",
    "zh": "图书馆 每天 开放 借书证 五日 内 换发",
    "ja": "図書館 は 毎日 開館 します カード",
    "th": "ห้องสมุด เปิด ทุกวัน บัตร",
    "ar": "المكتبة مفتوحة كل يوم بعد الظهر",
}
_WHITE = '<w:color w:val="FFFFFF"/>'
Text = Callable[[], str]
Part = tuple[str, str]
"""XML and the words that its reader sees."""


def make(count: int, seed: int) -> Iterator[MadeDocument]:
    for number in range(count):
        chance = random.Random(f"{seed}-{number}")
        written = _by_library if number % 3 == 0 else _from_xml
        yield written(chance, f"word-{number:03}.docx")


def _text_of(chance: random.Random) -> Text:
    vocabulary = _WORDS[chance.choice(list(_WORDS))].split()
    return lambda: " ".join(chance.choices(vocabulary, k=chance.randint(3, 14)))


def _from_xml(chance: random.Random, name: str) -> MadeDocument:
    text = _text_of(chance)
    parts: dict[str, str | bytes] = {"footnotes": "", "endnotes": "", "numbering": _NUMBERING, "styles": _STYLES}
    pieces = [partial(each, chance, text) for each in chance.choices(_PIECES, k=chance.randint(6, 25))]
    made = [piece() for piece in pieces]
    notes = [text() for _ in range(chance.randint(0, 4))]
    for number, note in enumerate(notes, 1):
        kind = chance.choice(["footnote", "endnote"])
        parts[f"{kind}s"] += f'<w:{kind} w:id="{number}">{paragraph(note)}</w:{kind}>'
        before = text()
        mark = f'<w:r><w:{kind}Reference w:id="{number}"/></w:r>'
        made.append((paragraph(before, mark), f"{before} {note}"))
    for kind in ("footnotes", "endnotes"):
        parts[kind] = part(f"w:{kind}", parts[kind])
    header = text()
    parts["header"] = part("w:hdr", paragraph(header))
    made.append((_SECTION, header if any(letter.isalpha() for letter in header) else ""))
    if chance.random() < 0.3:
        within = text()
        parts["aFChunk"] = chance.choice(_CHUNKS)(within)
        made.append(('<w:altChunk r:id="aFChunk"/>', within))
    chance.shuffle(made)
    data = word(
        *(xml for xml, _ in made),
        parts=parts,
        main=chance.choice(["word/document.xml", "word/document1.xml", "main.xml"]),
        strict=chance.random() < 0.2,
    )
    return MadeDocument(name, data, "\n".join(words for _, words in made))


def _in_rich_text(letter: str) -> str:
    code = ord(letter)
    return letter if letter.isascii() else rf"\u{code - 65_536 if code > 32_767 else code}?"


def _plain(chance: random.Random, text: Text) -> Part:
    """Runs are cut anywhere, also inside of a word, as Word cuts them after an edit."""
    words = text()
    cuts = sorted(chance.sample(range(len(words)), min(3, len(words))))
    pieces = [words[a:b] for a, b in zip([0, *cuts], [*cuts, len(words)], strict=True)]
    return paragraph(
        *(run(piece, chance.choice(["", "<w:b/>", '<w:color w:val="1F3864"/>'])) for piece in pieces)
    ), words


def _inline(chance: random.Random, text: Text) -> Part:
    before, inside, after = text(), text(), text()
    how = chance.choice(_INLINE)
    return paragraph(f"{before} ", how(inside), f" {after}"), f"{before} {inside} {after}"


def _edited(chance: random.Random, text: Text) -> Part:
    before, removed, added = text(), text(), text()
    gone = f"<w:del><w:r><w:delText>{removed}</w:delText></w:r></w:del>"
    away = f"<w:moveFrom>{run(removed)}</w:moveFrom>"
    new = chance.choice(["ins", "moveTo"])
    return paragraph(f"{before} ", chance.choice([gone, away]), f"<w:{new}>{run(added)}</w:{new}>"), f"{before} {added}"


def _hidden(chance: random.Random, text: Text) -> Part:
    shown, hidden = text(), text()
    how = chance.choice(["<w:vanish/>", '<w:color w:val="FFFFFF"/>', '<w:sz w:val="2"/>', '<w:rStyle w:val="Gone"/>'])
    return paragraph(f"{shown} ", run(hidden, how)), shown


def _boxed(chance: random.Random, text: Text) -> Part:
    before, inside, more = text(), text(), text()
    content = paragraph(inside) + chance.choice([paragraph(more), table(row(more, "")), control(paragraph(more))])
    old = f"<w:pict><v:shape><v:textbox><w:txbxContent>{content}</w:txbxContent></v:textbox></v:shape></w:pict>"
    new = drawing(shape(content), kind=chance.choice(["inline", "anchor"]))
    group = drawing(f"<wpg:wgp>{shape(content)}</wpg:wgp>")
    both = f'<mc:Choice Requires="wps">{new}</mc:Choice><mc:Fallback>{old}</mc:Fallback>'
    inner = chance.choice([old, new, group, f"<mc:AlternateContent>{both}</mc:AlternateContent>"])
    return paragraph(before, f"<w:r>{inner}</w:r>"), f"{before} {inside} {more}"


def _listed(chance: random.Random, text: Text) -> Part:
    """A list of its own, whose numbers start again."""
    number = chance.randint(1, 60)
    items = [text() for _ in range(chance.randint(1, 5))]
    properties = f'<w:numPr><w:ilvl w:val="0"/><w:numId w:val="{number}"/></w:numPr>'
    return "".join(paragraph(each, properties=properties) for each in items), "\n".join(items)


def _table(chance: random.Random, text: Text) -> Part:
    width, height = chance.randint(1, 5), chance.randint(1, 6)
    texts = [[text() if chance.random() > 0.15 else "" for _ in range(width)] for _ in range(height)]
    rows = [
        row(*(_cell(chance, each) for each in line), properties=_header(chance, place))
        for place, line in enumerate(texts)
    ]
    if chance.random() < 0.3:
        title = text()
        rows.insert(0, row(cell(title, f'<w:gridSpan w:val="{width}"/>')))
        texts.insert(0, [title])
    if chance.random() < 0.3:
        last = text()
        rows.append(row(last, properties=f'<w:gridBefore w:val="{width - 1}"/>'))
        texts.append([last])
    xml = table(*(control(each) if chance.random() < 0.1 else each for each in rows))
    return control(xml) if chance.random() < 0.2 else xml, "\n".join(" ".join(line) for line in texts)


def _header(chance: random.Random, place: int) -> str:
    return "<w:tblHeader/>" if place == 0 and chance.random() < 0.5 else ""


def _cell(chance: random.Random, text: str) -> str:
    if chance.random() < 0.1:
        return control(cell(text or paragraph()))
    if chance.random() < 0.1:
        return cell(table(row(text, "")) + paragraph())
    if chance.random() < 0.1:
        shade = '<w:shd w:val="clear" w:fill="1F3864"/>'
        return cell(paragraph(run(text, _WHITE)), shade)
    return cell(text or paragraph(), chance.choice(["", "", '<w:vMerge w:val="restart"/>']))


def _equation(chance: random.Random, text: Text) -> Part:
    before = text()
    top, bottom, power = ("".join(chance.choices("abcxyz", k=2)) for _ in range(3))

    def terms(name: str, text: str) -> str:
        return f"<m:{name}><m:r><m:t>{text}</m:t></m:r></m:{name}>"

    fraction = f"<m:f>{terms('num', top)}{terms('den', bottom)}</m:f>"
    root = f"<m:rad><m:deg/>{terms('e', power)}</m:rad>"
    return paragraph(f"{before} ", f"<m:oMath>{fraction}{root}</m:oMath>"), f"{before} {top} {bottom} {power}"


def _by_library(chance: random.Random, name: str) -> MadeDocument:
    text, document = _text_of(chance), docx.Document()
    words = [chance.choice(_LIBRARY)(document, chance, text) for _ in range(chance.randint(5, 20))]
    if chance.random() < 0.5:
        document.sections[0].header.paragraphs[0].text = f"ACME {text()}"
        words.append(document.sections[0].header.paragraphs[0].text)
    out = BytesIO()
    document.save(out)
    return MadeDocument(name, out.getvalue(), "\n".join(words))


def _heading(document: Document, chance: random.Random, text: Text) -> str:
    return document.add_heading(text(), chance.randint(0, 4)).text


def _styled(document: Document, chance: random.Random, text: Text) -> str:
    style = chance.choice(
        ["Normal", "List Bullet", "List Number", "List Number 2", "Quote", "Intense Quote", "Caption"]
    )
    return document.add_paragraph(text(), style=style).text


def _grid(document: Document, chance: random.Random, text: Text) -> str:
    width, height = chance.randint(2, 4), chance.randint(1, 5)
    grid = document.add_table(rows=height, cols=width)
    grid.style = chance.choice(["Table Grid", "Light Grid Accent 1", "Medium Shading 1 Accent 2", "Colorful List"])
    for place in range(width * height):
        grid.cell(place // width, place % width).text = text()
    if chance.random() < 0.4:
        grid.cell(0, 0).merge(grid.cell(height - 1, 0))
    elif chance.random() < 0.4:
        grid.cell(0, 0).merge(grid.cell(0, 1))
    seen = {cell._tc: cell.text for line in grid.rows for cell in line.cells}
    return "\n".join(seen.values())


_LIBRARY = [_heading, _styled, _styled, _styled, _grid]
_CHUNKS: list[Callable[[str], str | bytes]] = [
    lambda text: f"<html><head><meta charset=utf-8></head><body><p>{text}</p></body></html>",
    lambda text: rf"{{\rtf1\ansi {''.join(map(_in_rich_text, text))}\par}}",
    lambda text: word(paragraph(text)),
]
_PIECES = [_plain, _plain, _inline, _inline, _edited, _hidden, _boxed, _listed, _table, _table, _equation]
_INLINE: list[Callable[[str], str]] = [
    lambda text: f'<w:hyperlink w:anchor="x">{run(text)}</w:hyperlink>',
    lambda text: control(run(text)),
    lambda text: f"<w:smartTag>{run(text)}</w:smartTag>",
    lambda text: f"<w:customXml>{run(text)}</w:customXml>",
    lambda text: field("REF x", text),
    lambda text: f'<w:fldSimple w:instr="REF x">{run(text)}</w:fldSimple>',
    lambda text: f"<w:ins>{run(text)}</w:ins>",
    lambda text: f"<w:bdo>{run(text)}</w:bdo>",
    lambda text: run(text, "<w:caps/>"),
    lambda text: run(text, '<w:color w:val="FFFFFF"/><w:highlight w:val="red"/>'),
]
_KINDS = ["decimal", "lowerLetter", "upperRoman", "bullet", "none"]
_NUMBERING = part(
    "w:numbering",
    "".join(
        f'<w:abstractNum w:abstractNumId="{number}"><w:lvl w:ilvl="0"><w:start w:val="1"/>'
        f'<w:numFmt w:val="{_KINDS[number % len(_KINDS)]}"/><w:lvlText w:val="%1."/></w:lvl></w:abstractNum>'
        for number in range(60)
    )
    + "".join(f'<w:num w:numId="{number + 1}"><w:abstractNumId w:val="{number}"/></w:num>' for number in range(60)),
)
_STYLES = part("w:styles", '<w:style w:type="character" w:styleId="Gone"><w:rPr><w:vanish/></w:rPr></w:style>')
_SECTION = '<w:p><w:pPr><w:sectPr><w:headerReference w:type="default" r:id="header"/></w:sectPr></w:pPr></w:p>'
