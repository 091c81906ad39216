import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.content_types import raw_texts
from app.adapters.parsers.drawing_styles import DrawingStyles, SlideStyles
from app.adapters.parsers.drawing_visibility import take_unseen
from app.adapters.parsers.drawings import HIDDEN_TEXT, drawing_places, numbered_texts, paragraph_text, write_shapes
from app.adapters.parsers.office import core_facts, office_parts, report_active_content
from app.adapters.parsers.word_loss import with_word_loss
from app.adapters.parsers.xml_parts import Element, Parts, local, readable
from app.ingestion.domain.parsed_document import ParsedDocument

HIDDEN = "hidden slides were left out"
_TITLES = frozenset({"title", "ctrTitle"})
_FIELD_PLACEHOLDERS = frozenset({"sldNum", "dt"})
_SHAPES = frozenset({"sp", "pic", "graphicFrame", "cxnSp"})
_SLIDE = re.compile(r"/(slides|notesSlides)/[^/]*?(\d*)\.xml$", re.IGNORECASE)
# Fields hold the number of the slide and the date; a fallback is the same as what it stands for.
_NOT_COUNTED = re.compile(rb"<a:fld\b.*?</a:fld>|<mc:Fallback\b.*?</mc:Fallback>", re.DOTALL)


def parse_pptx(data: bytes, *, repair: bool) -> ParsedDocument:
    with readable():
        parts, main = office_parts(data, "presentation")
        builder = TextBuilder()
        report_active_content(builder, parts)
        relations = parts.related(main)
        read: set[str] = set()
        styles = SlideStyles(parts, main)
        first = ""
        for number, slide in enumerate(parts.xml(main).iterfind("{*}sldIdLst/{*}sldId"), 1):
            related = relations.get(_relationship_id(slide))
            if related is None or related.external or related.target in read or related.target not in parts:
                continue
            read.add(related.target)
            title = _write_slide(builder, parts, related.target, number, styles)
            first = first or title
        title, metadata = core_facts(parts)
        shown = first if squeeze(title) in ("", "PowerPoint Presentation") else title
        document = replace(builder.build("pptx", shown, metadata), title=squeeze(shown)[:300])
        return with_word_loss(document, partial(_places, parts))


def _relationship_id(element: Element) -> str:
    """`r:id`, which stands beside an `id` of another meaning."""
    return next((str(value) for key, value in element.attrib.items() if str(key).endswith("}id")), "")


def _write_slide(builder: TextBuilder, parts: Parts, name: str, number: int, slides: SlideStyles) -> str:
    """Write a slide with its notes and comments; returns its title."""
    root = parts.xml(name)
    _take_fields(root)
    styles = slides.of(name, root)
    builder.hide(take_unseen(root, styles, styles.background), HIDDEN_TEXT)
    title = _taken_title(root)
    if root.get("show") in ("0", "false"):
        unseen = TextBuilder()
        unseen.block(title)
        _write_body(unseen, parts, name, root, styles)
        builder.hide(unseen.build("pptx").text, HIDDEN)
        return ""
    builder.heading(1, f"Slide {number}: {title}" if title else f"Slide {number}")
    _write_body(builder, parts, name, root, styles)
    return title


def _write_body(builder: TextBuilder, parts: Parts, name: str, root: Element, styles: DrawingStyles) -> None:
    write_shapes(builder, parts, name, root, styles)
    for related in parts.related(name).values():
        if related.external or related.target not in parts:
            continue
        if related.kind == "notesSlide":
            notes = parts.xml(related.target)
            _take_fields(notes)
            texts = (text for body in notes.iter("{*}txBody") for text in numbered_texts(body, DrawingStyles()))
            if text := "\n".join(texts):
                builder.block(f"Notes: {text}")
        elif related.kind == "comments":
            for text in parts.xml(related.target).iter("{*}text", "{*}t"):
                builder.block(f"Comment: {squeeze(text.text or '')}" if text.text else "", separator="\n")


def _taken_title(root: Element) -> str:
    """Take the title out of the slide; returns it."""
    titles = _take_shapes(root, _TITLES)
    return squeeze(" ".join(paragraph_text(each) for title in titles for each in title.iter("{*}p")))


def _take_fields(root: Element) -> None:
    _take_shapes(root, _FIELD_PLACEHOLDERS, ".//{*}fld")


def _take_shapes(root: Element, kinds: frozenset[str], holding: str = ".") -> list[Element]:
    taken = []
    for placeholder in list(root.iterfind(".//{*}nvPr/{*}ph")):
        shape = next(each for each in placeholder.iterancestors() if local(each) in _SHAPES)
        parent = shape.getparent()
        if placeholder.get("type", "body") in kinds and shape.find(holding) is not None and parent is not None:
            parent.remove(shape)
            taken.append(shape)
    return taken


def _places(parts: Parts) -> Iterator[tuple[str, str]]:
    yield from drawing_places(parts)
    for name in parts.names:
        if match := _SLIDE.search(name):
            place = f"slide {match[2]}" if match[1].lower() == "slides" else f"notes {match[2]}"
            yield from ((place, text) for text in raw_texts(_NOT_COUNTED.sub(b"", parts.read(name))))
