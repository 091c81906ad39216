import io
from collections.abc import Iterator

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls
from pptx.util import Inches

from benchmarks.made_documents import MadeDocument
from benchmarks.made_documents.prose import Prose


def make(count: int, seed: int) -> Iterator[MadeDocument]:
    for number in range(count):
        prose, talk = Prose(seed + number), Presentation()
        words: list[str] = []
        for index in range(prose.random.randint(1, 8)):
            hidden = index > 0 and prose.chance(0.1)
            shown = list(_slide(prose, talk))
            if hidden:
                talk.slides[-1]._element.set("show", "0")
            else:
                words += shown
        out = io.BytesIO()
        talk.save(out)
        yield MadeDocument(f"talk-{number}.pptx", out.getvalue(), " ".join(words))


def _slide(prose: Prose, talk: object) -> Iterator[str]:
    slide = talk.slides.add_slide(talk.slide_layouts[1])  # type: ignore[attr-defined]
    slide.shapes.title.text = title = prose.title()
    yield title
    frame = slide.placeholders[1].text_frame
    frame.text = first = prose.sentence()
    yield first
    for level in range(prose.random.randint(0, 4)):
        paragraph = frame.add_paragraph()
        paragraph.level = level
        for _ in range(2):
            paragraph.add_run().text = text = prose.words(3) + " "
            yield text
    if prose.chance(0.3):
        yield from _numbered(prose, frame)
    size = (Inches(1), Inches(3), Inches(6), Inches(2))
    if prose.chance(0.4):
        yield from _table(prose, slide.shapes.add_table(4, 3, *size).table)
    if prose.chance(0.3):
        group = slide.shapes.add_group_shape().shapes.add_group_shape()
        group.shapes.add_textbox(*size).text_frame.text = text = prose.paragraph()
        yield text
    if prose.chance(0.3):
        data = CategoryChartData()
        data.categories = categories = [prose.words(1) for _ in range(3)]
        data.add_series(name := prose.words(2), (1.5, 2, 3))
        chart = slide.shapes.add_chart(XL_CHART_TYPE.PIE, *size, data).chart
        chart.has_title = True
        chart.chart_title.text_frame.text = text = prose.title()
        yield from (*categories, name, text)
    if prose.chance(0.5):
        slide.notes_slide.notes_text_frame.text = text = prose.paragraph()
        yield text


def _numbered(prose: Prose, frame: object) -> Iterator[str]:
    """Items with automatic numbers, a raised digit, and a word in two runs."""
    for number in range(1, 4):
        paragraph = frame.add_paragraph()  # type: ignore[attr-defined]
        paragraph._p.get_or_add_pPr().insert_element_before(
            parse_xml(f'<a:buAutoNum {nsdecls("a")} type="arabicPeriod"/>'), "a:tabLst", "a:defRPr", "a:extLst"
        )
        paragraph.add_run().text = f"{(word := prose.words(1))[:2]}"
        paragraph.add_run().text = f"{word[2:]} 10"
        raised = paragraph.add_run()
        raised.text, raised.font._element.attrib["baseline"] = "6", "30000"
        yield f"{number} {word} 106"


def _table(prose: Prose, table: object) -> Iterator[str]:
    for row, cells in enumerate(prose.table(3, 3)):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text  # type: ignore[attr-defined]
            if (row, column) not in ((2, 0), (3, 0)):
                yield text
    cell = table.cell(2, 0)  # type: ignore[attr-defined]
    cell.text = text = prose.words(2)
    table.cell(3, 0).text = ""  # type: ignore[attr-defined]
    cell.merge(table.cell(3, 0))  # type: ignore[attr-defined]
    yield text
