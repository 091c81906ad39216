"""PDF files of many kinds, written by reportlab and pypdf, with the words that their readers see."""

import random
from collections.abc import Callable, Iterator
from io import BytesIO

from pypdf import PdfReader, PdfWriter
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import ListFlowable, Paragraph, SimpleDocTemplate, Table, TableStyle

from benchmarks.made_documents import MadeDocument

WIDTH, HEIGHT = A4
_NOUNS = [
    "harbour",
    "ferry",
    "berth",
    "lantern",
    "workshop",
    "ledger",
    "visitor",
    "garden",
    "machine",
    "window",
    "teacher",
    "library",
    "parcel",
    "engine",
    "invoice",
    "kitchen",
    "valley",
    "bridge",
    "station",
    "platform",
    "contract",
    "office",
    "specification",
    "flight",
    "affair",
    "shelf",
    "coffee",
    "waffle",
]
_VERBS = [
    "opens",
    "closes",
    "carries",
    "checks",
    "mends",
    "counts",
    "brings",
    "offers",
    "finds",
    "repairs",
    "signs",
    "reads",
    "keeps",
    "paints",
    "moves",
]
_PLACES = [
    "near the river",
    "after lunch",
    "before winter",
    "in the old town",
    "for every guest",
    "without a fee",
    "on working days",
]
_ACCENTED = [
    "Straße",
    "größer",
    "Übung",
    "façade",
    "déjà",
    "élève",
    "niño",
    "corazón",
    "coração",
    "manhã",
    "København",
    "smørrebrød",
    "žádný",
    "šišky",
]
_HYPHENATED = ["self-service", "well-known", "two-thirds", "long-term", "full-time", "half-empty"]
_JAPANESE = "図書館の本は三週間借りられます"


class Prose:
    """Sentences of random words."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def sentence(self) -> str:
        choose = self.chance.choice
        amount = self.chance.randint(2, 980)
        noun = choose([*_NOUNS, *_HYPHENATED])
        return f"The {choose(_NOUNS)} {choose(_VERBS)} {amount} {noun} {choose(_NOUNS)}s {choose(_PLACES)}."

    def paragraph(self, sentences: int = 4) -> str:
        return " ".join(self.sentence() for _ in range(sentences))

    def lines(self, count: int, letters: int) -> list[str]:
        """Lines of whole words."""
        lines, line = [], ""
        for word in self.paragraph(count * letters // 25 + 4).split():
            if len(line) + len(word) > letters:
                lines.append(line.strip())
                line = ""
            line += f" {word}"
        return lines[:count]


Draw = Callable[[Canvas, Prose], str]


def _fonts() -> None:
    if "Vera" not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))
        pdfmetrics.registerFont(UnicodeCIDFont("HeiseiMin-W3"))


def _page(draw: Draw, prose: Prose, **options: object) -> MadeDocument:
    _fonts()
    target = BytesIO()
    canvas = Canvas(target, pagesize=A4, **options)
    words = draw(canvas, prose)
    canvas.save()
    return MadeDocument("", target.getvalue(), words)


def _put(canvas: Canvas, lines: list[str], x: float, y: float, size: float = 11, font: str = "Helvetica") -> None:
    canvas.setFont(font, size)
    for number, line in enumerate(lines):
        canvas.drawString(x, y - 1.25 * size * number, line)


def plain(canvas: Canvas, prose: Prose) -> str:
    lines = prose.lines(40, 80)
    _put(
        canvas,
        lines,
        60,
        780,
        prose.chance.choice([8, 9, 10, 11]),
        prose.chance.choice(["Helvetica", "Times-Roman", "Courier"]),
    )
    return " ".join(lines)


def columns_by_row(canvas: Canvas, prose: Prose) -> str:
    """Two columns under a title; each line of the left one is drawn just before that of the right one."""
    left, right, title = prose.lines(30, 38), prose.lines(30, 38), prose.sentence()
    _put(canvas, [title], 60, 790, 16)
    for number, pair in enumerate(zip(left, right, strict=True)):
        _put(canvas, [pair[0]], 60, 740 - 13 * number, 10)
        _put(canvas, [pair[1]], 315, 740 - 13 * number, 10)
    return " ".join([title, *left, *right])


def three_columns(canvas: Canvas, prose: Prose) -> str:
    columns = [prose.lines(25, 26) for _ in range(3)]
    for x, column in zip((400, 230, 60), reversed(columns), strict=True):
        _put(canvas, column, x, 760, 9)
    return " ".join(line for column in columns for line in column)


def kerned(canvas: Canvas, prose: Prose) -> str:
    """Every letter at its own place, and blanks only as gaps."""
    lines = prose.lines(12, 60)
    canvas.setFont("Times-Roman", 11)
    for number, line in enumerate(lines):
        x = 60.0
        for letter in line:
            if letter != " ":
                canvas.drawString(x, 700 - 14 * number, letter)
            x += canvas.stringWidth(letter, "Times-Roman", 11) + prose.chance.uniform(0, 0.2)
    return " ".join(lines)


def letter_spaced(canvas: Canvas, prose: Prose) -> str:
    lines = prose.lines(10, 40)
    for number, line in enumerate(lines):
        text = canvas.beginText(60, 700 - 20 * number)
        text.setFont("Helvetica", 11)
        text.setCharSpace(prose.chance.choice([0.5, 1.5, 3]))
        text.textOut(line)
        canvas.drawText(text)
    return " ".join(lines)


def justified(canvas: Canvas, prose: Prose) -> str:
    lines = prose.lines(20, 70)
    for number, line in enumerate(lines):
        text = canvas.beginText(60, 750 - 14 * number)
        text.setFont("Helvetica", 10)
        text.setWordSpace((450 - canvas.stringWidth(line, "Helvetica", 10)) / line.count(" "))
        text.textOut(line)
        canvas.drawText(text)
    return " ".join(lines)


def turned_page(canvas: Canvas, prose: Prose) -> str:
    lines = prose.lines(20, 70)
    canvas.setPageRotation(prose.chance.choice([90, 270]))
    canvas.rotate(90)
    canvas.translate(0, -WIDTH)
    _put(canvas, lines, 60, 500)
    return " ".join(lines)


def turned_margin(canvas: Canvas, prose: Prose) -> str:
    """A note at the side, which is read after the page."""
    lines, note = prose.lines(20, 70), prose.sentence()
    _put(canvas, lines, 80, 700)
    canvas.translate(40, 200)
    canvas.rotate(90)
    _put(canvas, [note], 0, 0, 9)
    return " ".join([*lines, note])


def bold_twice(canvas: Canvas, prose: Prose) -> str:
    lines = prose.lines(10, 60)
    for offset in (0, 0.3):
        _put(canvas, lines, 60 + offset, 700)
    return " ".join(lines)


def scan(canvas: Canvas, prose: Prose) -> str:
    """The recognised text is under or over the picture of the page."""
    lines, below = prose.lines(20, 60), prose.chance.random() < 0.5
    picture = ImageReader(_picture())
    if not below:
        canvas.drawImage(picture, 0, 0, WIDTH, HEIGHT)
    for number, line in enumerate(lines):
        text = canvas.beginText(60, 700 - 14 * number)
        text.setFont("Helvetica", 11)
        text.setTextRenderMode(3)
        text.textOut(line)
        canvas.drawText(text)
    if below:
        canvas.drawImage(picture, 0, 0, WIDTH, HEIGHT)
    return " ".join(lines)


def _picture() -> BytesIO:
    from PIL import Image

    target = BytesIO()
    Image.effect_noise((60, 80), 40).save(target, "PNG")
    target.seek(0)
    return target


def form(canvas: Canvas, prose: Prose) -> str:
    words = []
    for number in range(8):
        label, value, y = prose.chance.choice(_NOUNS), f"{prose.chance.choice(_NOUNS)} {number}", 740 - 40 * number
        _put(canvas, [f"{label}:"], 60, y)
        if number % 3 == 2:
            canvas.acroForm.choice(
                value=value, options=[value, "nothing"], x=160, y=y - 5, width=200, height=20, name=f"f{number}"
            )
        else:
            canvas.acroForm.textfield(value=value, x=160, y=y - 5, width=200, height=20, name=f"f{number}")
        words.append(f"{label} {value}")
    return " ".join(words)


def on_dark(canvas: Canvas, prose: Prose) -> str:
    """White on a dark band, on a shaded band, and text in a frame that is one path."""
    lines = prose.lines(3, 50)
    canvas.rect(50, 690, 480, 30, fill=1, stroke=0)
    canvas.saveState()
    shape = canvas.beginPath()
    shape.rect(50, 640, 480, 30)
    canvas.clipPath(shape, stroke=0)
    canvas.linearGradient(50, 640, 530, 640, [(0.1, 0.1, 0.4), (0.4, 0, 0)])
    canvas.restoreState()
    canvas.setFillGray(1)
    _put(canvas, lines[:1], 60, 700)
    _put(canvas, lines[1:2], 60, 650)
    canvas.setFillGray(0)
    frame = canvas.beginPath()
    for side in ((50, 590, 480, 1), (50, 620, 480, 1), (50, 590, 1, 30), (530, 590, 1, 31)):
        frame.rect(*side)
    canvas.drawPath(frame, fill=1, stroke=0)
    _put(canvas, lines[2:], 60, 600)
    return " ".join(lines)


def accents(canvas: Canvas, prose: Prose) -> str:
    lines = [" ".join(prose.chance.choices(_ACCENTED, k=9)) for _ in range(15)]
    _put(canvas, lines, 60, 700, 10, "Vera")
    return " ".join(lines)


def japanese(canvas: Canvas, prose: Prose) -> str:
    _put(canvas, [_JAPANESE] * 5, 60, 700, 12, "HeiseiMin-W3")
    return " ".join([_JAPANESE] * 5)


def downwards(canvas: Canvas, prose: Prose) -> str:
    """Signs that stand alone, in lines that run downwards."""
    canvas.setFont("HeiseiMin-W3", 12)
    for line in range(5):
        for place, sign in enumerate(_JAPANESE):
            canvas.drawString(500 - 20 * line, 760 - 13 * place, sign)
    return " ".join([_JAPANESE] * 5)


def small_and_large(canvas: Canvas, prose: Prose) -> str:
    """Headings, a footnote sign above the line, and a running title."""
    running, heading, lines, note = prose.sentence(), prose.sentence(), prose.lines(15, 70), prose.sentence()
    _put(canvas, [running], 60, 815, 8)
    _put(canvas, [heading], 60, 770, 18)
    _put(canvas, lines, 60, 730)
    canvas.setFont("Helvetica", 6)
    canvas.drawString(62 + canvas.stringWidth(lines[0], "Helvetica", 11), 735, "7")
    _put(canvas, [f"7 {note}"], 60, 60, 8)
    return " ".join([running, heading, lines[0], "7", *lines[1:], "7", note])


def _flowing(prose: Prose) -> MadeDocument:
    """Paragraphs, a list and a table over several pages."""
    styles, target, words = getSampleStyleSheet(), BytesIO(), []
    story: list[object] = []
    for _ in range(4):
        heading, texts, items = prose.sentence(), [prose.paragraph(6) for _ in range(3)], prose.lines(4, 50)
        rows = [["Item", "Limit", "Note"], *([prose.chance.choice(_NOUNS), "40 boxes", "daily"] for _ in range(4))]
        story.append(Paragraph(heading, styles["Heading1"]))
        story.extend(Paragraph(text, styles["BodyText"]) for text in texts)
        story.append(ListFlowable([Paragraph(item, styles["BodyText"]) for item in items], bulletType="bullet"))
        story.append(Table(rows, style=TableStyle([("GRID", (0, 0), (-1, -1), 0.5, "black")])))
        words += [heading, *texts, *items, *(cell for row in rows for cell in row)]
    SimpleDocTemplate(target, pagesize=A4).build(story)
    return MadeDocument("", target.getvalue(), " ".join(words))


def _locked(prose: Prose) -> MadeDocument:
    """Encrypted, and opened by an empty password."""
    kind = prose.chance.choice(["RC4-40", "RC4-128", "AES-128", "AES-256"])
    if kind.startswith("RC4"):
        return _page(plain, prose, encrypt=StandardEncryption("", "owner", strength=int(kind[4:])))
    made = _page(plain, prose)
    writer, target = PdfWriter(clone_from=PdfReader(BytesIO(made.data))), BytesIO()
    writer.encrypt("", "owner", algorithm=kind)
    writer.write(target)
    return MadeDocument("", target.getvalue(), made.words)


_PAGES: tuple[Draw, ...] = (
    plain, columns_by_row, three_columns, kerned, letter_spaced, justified, turned_page, turned_margin, bold_twice,
    scan, form, on_dark, accents, japanese, downwards, small_and_large,
)  # fmt: skip


def make(count: int, seed: int) -> Iterator[MadeDocument]:
    """Every kind in turn."""
    kinds: list[Callable[[Prose], MadeDocument]] = [
        *(lambda prose, draw=draw: _page(draw, prose) for draw in _PAGES), _flowing, _locked
    ]  # fmt: skip
    names = [*(draw.__name__ for draw in _PAGES), "flowing", "locked"]
    for number in range(count):
        which = number % len(kinds)
        made = kinds[which](Prose(random.Random(seed * 10_000 + number)))
        yield MadeDocument(f"{names[which]}-{number}.pdf", made.data, made.words)
