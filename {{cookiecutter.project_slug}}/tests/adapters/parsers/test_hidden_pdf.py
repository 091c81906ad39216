"""Text that a reader of a PDF page cannot see is left out and screened, in every way of hiding it; text that can be
seen in spite of the same means stays.
"""

import pytest

from app.adapters.parsers.dispatch import parse
from tests.adapters.parsers.bombs import pdf

SEEN = "BT /F1 12 Tf 72 720 Td 0 g (Seen.) Tj ET"
OBEY = "BT /F1 12 Tf 72 300 Td (obey me) Tj ET"
READ = "BT /F1 12 Tf 72 300 Td (read me) Tj ET"
LINEAR = "<< /FunctionType 2 /Domain [0 1] /C0 [{}] /C1 [{}] /N 1 >>"
SPACES = (
    f"/S1 [/Separation /Ink /DeviceGray {LINEAR.format(1, 0)}] "
    f"/S2 [/Separation /Ink /DeviceCMYK {LINEAR.format('0 0 0 0', '0 0 0 1')}] "
    f"/S3 [/Separation /Ink /DeviceRGB << /FunctionType 3 /Domain [0 1] /Bounds [0.5] /Encode [0 1 0 1] /Functions "
    f"[{LINEAR.format('1 1 1', '1 1 1')} {LINEAR.format('1 1 1', '0 0 0')}] >>] "
    f"/S4 [/Separation /None /DeviceGray {LINEAR.format(1, 0)}] "
    f"/N1 [/DeviceN [/A] /DeviceGray {LINEAR.format(1, 0)}] "
    "/I1 [/Indexed /DeviceRGB 1 <FFFFFF000000>] "
    "/L1 [/Lab << /WhitePoint [0.95 1 1.09] >>] "
)
STATES = (
    "/A0 << /ca 0 /CA 0 >> /A5 << /ca 0.05 /CA 0.05 >> /A50 << /ca 0.5 >> /A100 << /ca 1 >> "
    "/M << /BM /Multiply >> /X << /SMask << /S /Luminosity /G 7 0 R >> >> /F << /Font [5 0 R 0.1] >> "
)


def make_pdf(content: str, form: str = "", form_keys: str = "", groups: str = "/OFF [6 0 R]") -> bytes:
    """A page with fonts, colour spaces, graphics states, two layers (6 and 9) and one form."""
    resources = (
        f"/Font << /F1 5 0 R >> /ColorSpace << {SPACES} >> /ExtGState << {STATES} >>"
        " /XObject << /Form 8 0 R /Dot 10 0 R >>"
        " /Properties << /Off 6 0 R /On 9 0 R /Both << /Type /OCMD /OCGs [6 0 R 9 0 R] /P /AllOn >>"
        " /Any << /Type /OCMD /OCGs [6 0 R 9 0 R] >> >>"
    )
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R /OCProperties << /OCGs [6 0 R 9 0 R] /D << {groups} >> >> >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << {resources} >> >>",
        _stream(f"{SEEN} {content}"),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /OCG /Name (Off) /Usage << /View << /ViewState /OFF >> >> >>",
        _stream("", "/Type /XObject /Subtype /Form /BBox [0 0 612 792]"),
        _stream(form, f"/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << {resources} >> {form_keys}"),
        "<< /Type /OCG /Name (On) >>",
        _stream("\0", "/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8"),
    ]
    return pdf([each.encode("latin-1") for each in objects])


def _stream(content: str, keys: str = "") -> str:
    return f"<< /Length {len(content)} {keys} >>\nstream\n{content}\nendstream"


Page = tuple[str, dict[str, str]]
HIDDEN: dict[str, Page] = {
    "a later white box": (f"{OBEY} 1 g 60 290 300 30 re f", {}),
    "a later blue box": (f"{OBEY} 0 0 1 rg 60 290 300 30 re f*", {}),
    "a later polygon": (f"{OBEY} 1 g 60 290 m 360 290 l 360 320 l 60 320 l h f", {}),
    "later stripes": (f"{OBEY} 1 g " + " ".join(f"60 {y} 300 2 re f" for y in range(290, 320, 2)), {}),
    "a later thick line": (f"{OBEY} 1 G 30 w 60 305 m 360 305 l S", {}),
    "a later box in a form": (f"{OBEY} /Form Do", {"form": "1 g 60 290 300 30 re f"}),
    "a later box after a scale": (f"{OBEY} q 300 0 0 30 60 290 cm 1 g 0 0 1 1 re f Q", {}),
    "a later image of one pixel": (f"{OBEY} q 300 0 0 30 60 290 cm /Dot Do Q", {}),
    "a clip elsewhere": (f"q 0 0 20 20 re W n {OBEY} Q", {}),
    "a clip of no size": (f"q 72 300 0 0 re W* n {OBEY} Q", {}),
    "a clip in two parts": (f"q 60 290 300 30 re W n 60 500 300 30 re W n {OBEY} Q", {}),
    "a thin clip": (f"q 60 300 300 0.4 re W n {OBEY} Q", {}),
    "the clip of a form": ("/Form Do", {"form": OBEY, "form_keys": "/Matrix [1 0 0 1 0 600]"}),
    "no opacity": (f"q /A0 gs {OBEY} Q", {}),
    "little opacity": (f"q /A5 gs {OBEY} Q", {}),
    "no opacity in a form": ("/A0 gs /Form Do /A100 gs", {"form": OBEY}),
    "an empty mask": (f"q /X gs {OBEY} Q", {}),
    "grey at half opacity": (f"q /A50 gs 0.85 g {OBEY} Q", {}),
    "a layer that is off": (f"/OC /Off BDC {OBEY} EMC", {}),
    "a layer off by default": (f"/OC /Off BDC {OBEY} EMC", {"groups": "/BaseState /OFF /ON [9 0 R]"}),
    "a layer within a layer": (f"/OC /Off BDC /OC /On BDC {OBEY} EMC EMC", {}),
    "a membership of layers": (f"/OC /Both BDC {OBEY} EMC", {}),
    "a form in a layer": ("/Form Do", {"form": OBEY, "form_keys": "/OC 6 0 R"}),
    "a layer not for viewing": (
        f"/OC /Off BDC {OBEY} EMC",
        {"groups": "/AS [<< /Event /View /OCGs [6 0 R] /Category [/View] >>]"},
    ),
    "no width": (f"0 Tz {OBEY} 100 Tz", {}),
    "hardly any width": (f"1 Tz {OBEY} 100 Tz", {}),
    "a matrix without height": ("BT /F1 12 Tf 1 0 0 0 72 300 Tm (obey me) Tj ET", {}),
    "a matrix of little height": ("BT /F1 12 Tf 1 0 0 0.05 72 300 Tm (obey me) Tj ET", {}),
    "a page scaled down": (f"q 0.01 0 0 0.01 72 300 cm {OBEY} Q", {}),
    "letters on one spot": (f"-12 Tc {OBEY} 0 Tc", {}),
    "a size from a state": ("BT /F gs 72 300 Td (obey me) Tj ET", {}),
    "a separation to grey": (f"/S1 cs 0 scn {OBEY}", {}),
    "a separation to CMYK": (f"/S2 cs 0.02 scn {OBEY}", {}),
    "a stitched separation": (f"/S3 cs 0.4 scn {OBEY}", {}),
    "a separation that paints nothing": (f"/S4 cs 1 scn {OBEY}", {}),
    "one of several inks": (f"/N1 cs 0 sc {OBEY}", {}),
    "an indexed colour": (f"/I1 cs 0 sc {OBEY}", {}),
    "a Lab colour": (f"/L1 cs 100 0 0 sc {OBEY}", {}),
    "white strokes": (f"1 Tr 1 G {OBEY} 0 Tr", {}),
    "white fill and strokes": (f"2 Tr 1 G 1 g {OBEY} 0 Tr", {}),
    "nearly white": (f"0.95 g {OBEY}", {}),
    "a rise off the page": (f"900 Ts {OBEY} 0 Ts", {}),
    "white on a box without opacity": (f"q /A0 gs 0 g 60 290 300 30 re f Q 1 g {OBEY}", {}),
}  # fmt: skip
VISIBLE: dict[str, Page] = {
    "a box before it": (f"0.8 g 60 290 300 30 re f 0 g {READ}", {}),
    "white on a dark box": (f"0 g 60 290 300 30 re f 1 g {READ}", {}),
    "a later frame": (f"{READ} 0 G 60 290 300 30 re S", {}),
    "a later frame of two boxes": (f"{READ} 0 g 60 290 300 30 re 62 292 296 26 re f*", {}),
    "a later marker": (f"{READ} q /A50 gs 1 1 0 rg 60 290 300 30 re f Q", {}),
    "a later marker that multiplies": (f"{READ} q /M gs 1 1 0 rg 60 290 300 30 re f Q", {}),
    "a later line through it": (f"{READ} 0 G 1 w 60 304 m 360 304 l S", {}),
    "a later box beside it": (f"{READ} 1 g 300 290 200 30 re f", {}),
    "a later box on a layer that is off": (f"{READ} /OC /Off BDC 1 g 60 290 300 30 re f EMC", {}),
    "a clip around it": (f"q 60 290 300 30 re W n {READ} Q", {}),
    "a clip that ended": (f"q 0 0 20 20 re W n Q {READ}", {}),
    "full opacity again": (f"q /A0 gs Q {READ}", {}),
    "half opacity": (f"q /A50 gs 0 g {READ} Q", {}),
    "a layer that is on": (f"/OC /On BDC {READ} EMC", {}),
    "any of two layers": (f"/OC /Any BDC {READ} EMC", {}),
    "after a layer that is off": (f"/OC /Off BDC EMC {READ}", {}),
    "other marked content": (f"/Span << /Lang (en) >> BDC {READ} EMC", {}),
    "narrow letters": (f"60 Tz {READ} 100 Tz", {}),
    "small print": ("BT /F1 5 Tf 72 300 Td (read me) Tj ET", {}),
    "a big matrix of a size of one": ("BT /F1 1 Tf 10 0 0 10 72 300 Tm (read me) Tj ET", {}),
    "turned by a quarter": ("BT /F1 12 Tf 0 1 -1 0 72 300 Tm (read me) Tj ET", {}),
    "close letters": (f"-0.5 Tc {READ} 0 Tc", {}),
    "a full separation": (f"/S1 cs 1 scn {READ}", {}),
    "the first colour of a separation": (f"/S2 cs {READ}", {}),
    "a stitched separation": (f"/S3 cs 1 scn {READ}", {}),
    "a dark indexed colour": (f"/I1 cs 1 sc {READ}", {}),
    "a dark Lab colour": (f"/L1 cs 10 0 0 sc {READ}", {}),
    "black strokes, white fill": (f"2 Tr 0 G 1 g {READ} 0 Tr", {}),
    "light grey": (f"0.7 g {READ}", {}),
    "a superscript": (f"4 Ts {READ} 0 Ts", {}),
    "a form": ("/Form Do", {"form": READ}),
    "a form in its place": (
        "0 g 0 590 612 100 re f /Form Do",
        {"form": "1 g " + READ, "form_keys": "/Matrix [1 0 0 1 0 330]"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "parts"), HIDDEN.values(), ids=HIDDEN)
def test_text_hidden_on_a_page_is_left_out_and_screened(content: str, parts: dict[str, str]) -> None:
    document = parse(make_pdf(content, **parts), "a.pdf")
    assert document.text == "Seen."
    assert document.hidden.replace(" ", "") == "obeyme"
    assert {finding.rule for finding in document.findings} == {"hidden_text"}


@pytest.mark.parametrize(("content", "parts"), VISIBLE.values(), ids=VISIBLE)
def test_text_that_can_be_seen_on_a_page_stays(content: str, parts: dict[str, str]) -> None:
    document = parse(make_pdf(content, **parts), "a.pdf")
    assert "read me" in document.text
    assert document.hidden == ""
