"""Numbers of a page that are not written in its text: of list items, raised digits, cells that reach over rows."""

import pytest

from app.adapters.parsers.dispatch import parse


def text_of(body: str, style: str = "") -> str:
    document = parse(f"<html><head><style>{style}</style></head><body>{body}</body></html>".encode(), "a.html")
    assert document.loss is not None
    assert dict(document.loss.lost) == {}
    return document.text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<ol type=a><li>ferry<li>pier</ol>", "a. ferry\nb. pier"),
        ("<ol type=A start=27><li>ferry</ol>", "AA. ferry"),
        ("<ol type=i start=4><li>ferry<li>pier</ol>", "iv. ferry\nv. pier"),
        ("<ol type=I><li value=9>ferry<li>pier</ol>", "IX. ferry\nX. pier"),
        ("<ol reversed><li>ferry<li>pier<li>quay</ol>", "3. ferry\n2. pier\n1. quay"),
        ("<ol reversed start=9><li>ferry<li>pier</ol>", "9. ferry\n8. pier"),
        ('<ol style="list-style-type: lower-alpha"><li>ferry</ol>', "a. ferry"),
        ("<ol class=r><li>ferry<li>pier</ol>", "I. ferry\nII. pier"),
        ('<ol style="list-style: none"><li>ferry</ol>', "- ferry"),
        ("<ol start=3><li>ferry<ol type=a><li>pier</ol><li>quay</ol>", "3. ferry\na. pier\n4. quay"),
        ("<ul><li>ferry</ul>", "- ferry"),
    ],
)
def test_items_of_a_list_have_the_numbers_that_a_browser_shows(page: str, text: str) -> None:
    assert text_of(page, ".r { list-style: upper-roman outside }").replace("\n\n", "\n") == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>10<sup>3</sup> kg, 10<sup>-6</sup> m, 5 m<sup>2</sup></p>", "10³ kg, 10⁻⁶ m, 5 m2"),
        ("<p>In 2031<sup><a href='#n'>1</a></sup> it rose.</p>", "In 2031¹ it rose."),
        ("<ul><li>9<sup>2</sup> is 81</ul>", "- 9² is 81"),
        ("<table><tr><td>4<sup>2</sup><td>16</table>", "4² | 16"),
        ("<p>the 5<sup>th</sup> of May, note<sup>7</sup>, H<sub>2</sub>O</p>", "the 5th of May, note7, H2O"),
    ],
)
def test_a_raised_number_is_no_part_of_the_one_before_it(page: str, text: str) -> None:
    assert text_of(page) == text


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ("<tr><td rowspan=2>Pier<td>6<tr><td>7", ["Pier | 6", "Pier | 7"]),
        ("<tr><th>Place<th>Fee<tr><td rowspan=3>Pier<td>6<tr><td>7<tr><td>8", ["Place: Pier | Fee: 8"]),
        ("<tr><td rowspan=0>Pier<td>6<tr><td>7<tr><td>9", ["Pier | 7", "Pier | 9"]),
        ("<tr><td>Pier<td rowspan=2>6<tr><td>Quay", ["Pier | 6", "Quay | 6"]),
        ("<tr><td rowspan=2>A<td rowspan=2>B<td>1<tr><td>2", ["A | B | 2"]),
        ("<tr><td colspan=2>All places<tr><td>Pier<td>6", ["All places", "Pier | 6"]),
    ],
)
def test_a_cell_alone_in_its_row_is_read_beside_one_from_above(rows: str, lines: list[str]) -> None:
    assert set(lines) <= set(text_of(f"<table>{rows}</table>").split("\n"))
