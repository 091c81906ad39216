"""What is filled into a form is read with its label, and notes on the page are text; what is hidden is not."""

import pytest

from app.adapters.parsers.dispatch import parse
from tests.adapters.parsers.made_pdf import line, page_of, stream

RECT = "/Rect [200 690 400 715]"
TEXT = f"/Subtype /Widget /FT /Tx /T (f1) {RECT}"
CHOICE = f"/Subtype /Widget /FT /Ch /T (f1) {RECT}"
BUTTON = "/Subtype /Widget /FT /Btn /T (news) /Rect [60 695 75 710] /AP << /N << /Yes 7 0 R /Off 7 0 R >> >>"
LABEL, ABOVE, BEHIND = line("Locker number:"), line("Locker number", 200, 720), line("Send me the letter", 85, 698)
APPEARANCE = stream(
    "/Tx BMC BT /F1 12 Tf 2 5 Td (B-217) Tj ET EMC",
    "/Type /XObject /Subtype /Form /BBox [0 0 200 25] /Resources << /Font << /F1 5 0 R >> >>",
)
DRAWN = "/AP << /N 7 0 R >>"
FIELDS = {
    "a label before it": (LABEL, f"{TEXT} /V (B-217)", "Locker number: B-217"),
    "a label above it": (ABOVE, f"{TEXT} /V (B-217)", "Locker number\nB-217"),
    "a name for readers": ("", f"{TEXT} /V (B-217) /TU (Locker number)", "Locker number: B-217"),
    "a name that the page has too": (LABEL, f"{TEXT} /V (B-217) /TU (Number of the locker)", "Locker number: B-217"),
    "its own name": ("", f"{TEXT} /V (B-217)", "f1: B-217"),
    "an appearance and a value": (LABEL, f"{TEXT} /V (B-217) {DRAWN}", "Locker number: B-217"),
    "only an appearance": (LABEL, f"{TEXT} {DRAWN}", "Locker number: B-217"),
    "several lines": (ABOVE, f"{TEXT} /Ff 4096 /V (Oars\\rand sails)", "Locker number\nOars\nand sails"),
    "a comb": (LABEL, f"{TEXT} /Ff 16777216 /MaxLen 5 /V (B-217)", "Locker number: B-217"),
    "letters beyond Latin": (LABEL, f"{TEXT} /V <FEFF0053007400720061006500DF0065>", "Locker number: Straeße"),
    "a choice": (
        LABEL,
        f"{CHOICE} /V (B-217) /Opt [(A) (B-217)]",
        "Locker number: B-217",
    ),
    "a choice by its key": (
        LABEL,
        f"{CHOICE} /V (k2) /Opt [[(k1) (A-1)] [(k2) (B-217)]]",
        "Locker number: B-217",
    ),
    "several choices": (LABEL, f"{CHOICE} /V [(A) (B)]", "Locker number: A\nB"),
    "a field of a group": (LABEL, f"/Subtype /Widget {RECT} /Parent 8 0 R", "Locker number: C-9"),
    "a ticked box": (BEHIND, f"{BUTTON} /AS /Yes /V /Yes", "[x] Send me the letter"),
    "a box that is not ticked": (BEHIND, f"{BUTTON} /AS /Off", "[ ] Send me the letter"),
    "a ticked box without a state": (BEHIND, f"{BUTTON} /V /Yes", "[x] Send me the letter"),
    "a ticked box with a name": ("", f"{BUTTON} /AS /Yes /TU (Letter wanted)", "[x] Letter wanted"),
    "a button": ("", f"/Subtype /Widget /FT /Btn /Ff 65536 /T (b) {RECT} {DRAWN}", "B-217"),
    "an empty field": (LABEL, TEXT, "Locker number:"),
    "a note on the page": (LABEL, f"/Subtype /FreeText {RECT} /Contents (B-217)", "Locker number: B-217"),
    "a drawn note": (LABEL, f"/Subtype /FreeText {RECT} /Contents (other) {DRAWN}", "Locker number: B-217"),
    "a stamp": (LABEL, f"/Subtype /Stamp {RECT} {DRAWN}", "Locker number: B-217"),
    "a comment": (LABEL, f"/Subtype /Text {RECT} /Contents (B-217) {DRAWN}", "Locker number:"),
}
NOT_SEEN = {
    "a hidden field": f"{TEXT} /V (B-217) /F 2",
    "a field that is not viewed": f"{TEXT} /V (B-217) /F 32",
    "a hidden note": f"/Subtype /FreeText {RECT} /Contents (B-217) /F 2",
}


def form(content: str, annotation: str) -> bytes:
    parent = "<< /FT /Tx /T (group) /V (C-9) >>"
    return page_of(content, f"<< /Type /Annot {annotation} >>", APPEARANCE, parent, keys="/Annots [6 0 R]")


@pytest.mark.parametrize(("content", "annotation", "text"), FIELDS.values(), ids=FIELDS)
def test_what_is_filled_in_is_read_with_its_label(content: str, annotation: str, text: str) -> None:
    document = parse(form(content, annotation), "a.pdf")
    assert (document.text, document.hidden) == (text, "")


@pytest.mark.parametrize("annotation", NOT_SEEN.values(), ids=NOT_SEEN)
def test_what_no_reader_sees_is_screened(annotation: str) -> None:
    document = parse(form(LABEL, annotation), "a.pdf")
    assert (document.text, document.hidden) == ("Locker number:", "B-217")


def test_a_password_is_neither() -> None:
    document = parse(form(LABEL, f"{TEXT} /Ff 8192 /V (B-217)"), "a.pdf")
    assert (document.text, document.hidden) == ("Locker number:", "")


def test_a_broken_annotation_leaves_the_page() -> None:
    assert parse(form(LABEL, "/Subtype /Widget /FT /Tx /V (B-217) /Rect 7"), "a.pdf").text == "Locker number:"


def test_a_page_draws_a_limited_number_of_forms_and_annotations() -> None:
    keys = "/Type /XObject /Subtype /Form /BBox [-9999 -9999 9999 9999]"
    forms = [
        stream(
            f"/Next Do q 1 0 0 1 0 {4 * 2**level} cm /Next Do Q",
            f"{keys} /Resources << /XObject << /Next {7 + level} 0 R >> >>",
        )
        for level in range(11)
    ]
    leaf = stream(line("x"), f"{keys} /Resources << /Font << /F1 5 0 R >> >>")
    drawn = parse(page_of("/Next Do", *forms, leaf, resources="/XObject << /Next 6 0 R >>"), "a.pdf")
    assert 500 < f"{drawn.text} {drawn.hidden}".count("x") <= 2_000
    note = "<< /Type /Annot /Subtype /FreeText /F 2 /Rect [0 0 9 9] /Contents (x) >>"
    noted = parse(page_of(line("Notes"), note, keys=f"/Annots [{'6 0 R ' * 5_001}]"), "a.pdf")
    assert noted.hidden.count("x") == 5_000
