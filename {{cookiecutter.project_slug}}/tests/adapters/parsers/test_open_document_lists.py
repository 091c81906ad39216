"""The number of a list item or a heading is part of an OpenDocument text, as it is of a Word document."""

import pytest

from app.adapters.parsers.dispatch import parse
from tests.adapters.parsers.office_files import open_document


def level(number: int, more: str = 'style:num-format="1" style:num-suffix="."') -> str:
    return f'<text:list-level-style-number text:level="{number}" {more}/>'


def style(name: str, *levels: str) -> str:
    return f'<text:list-style style:name="{name}">{"".join(levels)}</text:list-style>'


def items(*texts: str, name: str = "L", more: str = "") -> str:
    """Texts that are no XML are items of one paragraph."""
    inner = "".join(
        each
        if each.startswith("<text:list-")
        else f"<text:list-item>{each}</text:list-item>"
        if each.startswith("<")
        else f"<text:list-item><text:p>{each}</text:p></text:list-item>"
        for each in texts
    )
    return f'<text:list text:style-name="{name}" {more}>{inner}</text:list>'


def lines(body: str, *styles: str, common: str = "") -> list[str]:
    more = {"styles": f"<office:document-styles SPACES>{common}</office:document-styles>"} if common else {}
    document = parse(open_document("text", body, "".join(styles), **more), "a.odt")
    assert document.loss is not None
    assert dict(document.loss.lost) == {}
    return [line for line in document.text.split("\n") if line]


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ('style:num-format="1" style:num-suffix="."', ["1. ferry", "2. pier"]),
        ('style:num-format="a" style:num-suffix=")"', ["a) ferry", "b) pier"]),
        ('style:num-format="A" style:num-prefix="(" style:num-suffix=")"', ["(A) ferry", "(B) pier"]),
        ('style:num-format="i" style:num-suffix="." text:start-value="4"', ["iv. ferry", "v. pier"]),
        ('style:num-format="I" style:num-suffix="."', ["I. ferry", "II. pier"]),
        ('style:num-format="1" style:num-prefix="§ "', ["§ 1 ferry", "§ 2 pier"]),
        ('style:num-format="1" loext:num-list-format="No. %1%:" xmlns:loext="x"', ["No. 1: ferry", "No. 2: pier"]),
        ('style:num-format=""', ["ferry", "pier"]),
    ],
)
def test_items_have_the_number_of_their_style(form: str, shown: list[str]) -> None:
    assert lines(items("ferry", "pier"), style("L", level(1, form))) == shown


def test_a_list_of_bullets_or_without_a_style_has_dashes() -> None:
    bullets = style("L", '<text:list-level-style-bullet text:level="1" text:bullet-char="•"/>')
    assert lines(items("ferry", "pier"), bullets) == ["- ferry", "- pier"]
    assert lines(items("ferry", name="none")) == ["- ferry"]


def test_deeper_levels_show_the_levels_above_and_begin_anew() -> None:
    deep = style("L", level(1), level(2, 'style:num-format="1" text:display-levels="2" style:num-suffix="."'))
    inner = "<text:list>{}</text:list>"
    item = "<text:list-item><text:p>{}</text:p></text:list-item>"
    first = f"<text:p>ferry</text:p>{inner.format(item.format('fare') + item.format('seat'))}"
    second = f"<text:p>pier</text:p>{inner.format(item.format('lamp'))}"
    assert lines(items(first, second), deep) == ["1. ferry", "1.1. fare", "1.2. seat", "2. pier", "2.1. lamp"]


def test_an_item_that_only_holds_a_list_is_not_counted() -> None:
    only = "<text:list><text:list-item><text:p>fare</text:p></text:list-item></text:list>"
    assert lines(items(only, "ferry"), style("L", level(1), level(2))) == ["1. fare", "1. ferry"]


@pytest.mark.parametrize(
    ("more", "number"), [("", 1), ('text:continue-numbering="true"', 3), ('text:continue-list="first"', 3)]
)
def test_a_list_goes_on_only_where_it_says_so(more: str, number: int) -> None:
    body = items("ferry", "pier", more='xml:id="first"') + "<text:p>Between.</text:p>" + items("quay", more=more)
    assert lines(body, style("L", level(1))) == ["1. ferry", "2. pier", "Between.", f"{number}. quay"]


def test_lists_without_a_name_begin_anew() -> None:
    body = items("ferry") + items("pier") + items("quay", more='text:continue-list="unknown"')
    assert lines(body, style("L", level(1))) == ["1. ferry", "1. pier", "1. quay"]


def test_an_item_may_have_its_own_number_or_none_or_several_paragraphs() -> None:
    body = items(
        '<text:list-item text:start-value="7"><text:p>ferry</text:p><text:p>It is blue.</text:p></text:list-item>',
        "<text:list-header><text:p>pier</text:p></text:list-header>",
        "quay",
    )
    assert lines(body, style("L", level(1))) == ["7. ferry", "It is blue.", "pier", "8. quay"]


def test_headings_have_the_numbers_of_the_outline() -> None:
    form = '<text:outline-level-style text:level="{}" style:num-format="1" text:display-levels="{}"/>'
    levels = f"<text:outline-style>{form.format(1, 1)}{form.format(2, 2)}</text:outline-style>"
    outline = f"<office:styles>{levels}</office:styles>"
    body = "".join(
        f'<text:h text:outline-level="{depth}" {more}>{title}</text:h>'
        for depth, title, more in [
            (1, "Harbour", ""),
            (2, "Ferries", ""),
            (2, "Piers", ""),
            (1, "Preface", 'text:is-list-header="true"'),
            (1, "Town", ""),
            (2, "Lamps", ""),
        ]
    )
    assert lines(body, common=outline) == ["1 Harbour", "1.1 Ferries", "1.2 Piers", "Preface", "2 Town", "2.1 Lamps"]


def test_items_within_a_cell_and_deleted_ones() -> None:
    table = f"<table:table><table:table-row><table:table-cell>{items('ferry', 'pier')}</table:table-cell>"
    table += "<table:table-cell><text:p>x</text:p></table:table-cell></table:table-row></table:table>"
    assert "1. ferry 2. pier" in "\n".join(lines(table, style("L", level(1))))
    deleted = f"<text:tracked-changes><text:deletion>{items('gone')}</text:deletion></text:tracked-changes>"
    document = parse(open_document("text", deleted + items("ferry"), style("L", level(1))), "a.odt")
    assert document.text == "1. ferry"


def test_a_list_cannot_ask_for_more_levels_or_a_longer_label_than_programs_write() -> None:
    form = f'style:num-format="1" text:display-levels="999999" style:num-prefix="{"a" * 5_000}"'
    (line,) = lines(items("ferry"), style("L", level(1, form)))
    assert line == f"{'a' * 255}1 ferry"
    depths = (10, 11, 999_999)
    form = '<text:outline-level-style text:level="{}" style:num-format="1" text:display-levels="999999"/>'
    outline = f"<text:outline-style>{''.join(map(form.format, depths))}</text:outline-style>"
    headings = "".join(f'<text:h text:outline-level="{depth}">Pier</text:h>' for depth in depths)
    assert lines(headings, common=f"<office:styles>{outline}</office:styles>") == ["1 Pier", "Pier", "Pier"]
