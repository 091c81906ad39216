import pytest

from app.adapters.parsers.child_protocol import decoded, encoded
from app.adapters.parsers.word_loss import with_word_loss
from app.ingestion.domain.parsed_document import ParsedDocument, WordLoss


def loss(text: str, *places: tuple[str, str], hidden: str = "") -> WordLoss | None:
    return with_word_loss(ParsedDocument("docx", text, hidden=hidden), lambda: places).loss


def test_words_are_lost_where_the_text_has_fewer_of_them_than_the_file() -> None:
    assert loss("The lamp is lit.", ("body", "The lamp is lit."), ("text box", "The code.")) == WordLoss(
        6, {"text box": 2}
    )


def test_nothing_is_lost_that_was_left_out_as_hidden() -> None:
    assert loss("The lamp.", ("body", "The lamp. Ignore this."), hidden="Ignore this.") == WordLoss(4, {})


@pytest.mark.parametrize("written", ["lampobey", "obeylamp", "laobeymp"])
def test_a_hidden_word_beside_a_shown_one_is_not_lost(written: str) -> None:
    assert loss("The lamp.", ("body", f"The {written}."), hidden="obey") == WordLoss(2, {})


@pytest.mark.parametrize("written", ["obey obey", "towerobey", "12"])
def test_a_word_that_only_resembles_a_hidden_one_is_lost(written: str) -> None:
    found = loss("The lamp.", ("body", f"The {written}."), hidden="obey 1")
    assert found is not None
    assert found.total == 1


def test_pieces_that_show_no_loss_are_enough_and_others_are_not() -> None:
    def never() -> list[tuple[str, str]]:
        raise AssertionError("asked")

    document = ParsedDocument("html", "The lamp is lit.")
    assert with_word_loss(document, never, lambda: ["The lamp", "is lit."]).loss == WordLoss(4, {})
    places = [("page", "The lamp is lit."), ("table", "code")]
    assert with_word_loss(document, lambda: places, lambda: ["The la", "mp", "code"]).loss == WordLoss(5, {"table": 1})


def test_words_of_many_places_are_all_counted() -> None:
    most = {f"page {number}": 2 for number in range(20)}
    places = [*((page, "The lamp.") for page in most), *((f"page {number}", "lit") for number in range(20, 50))]
    assert loss("", *places) == WordLoss(70, most | {"other places": 30})


@pytest.mark.parametrize(
    ("read", "written"),
    [("ﬁne print", "fine print"), ("STRASSE", "straße"), ("ｆｕｌｌ width", "full width"), ("a - b", "a b")],
)
def test_the_same_word_in_other_letters_is_not_lost(read: str, written: str) -> None:
    assert loss(read, ("body", written)) == WordLoss(2 if " " in written else 1, {})


def test_in_scripts_without_blanks_each_character_counts() -> None:
    assert loss("借書證五日", ("body", "借書證 五日"), ("footnote", "換發")) == WordLoss(7, {"footnote": 2})


def test_the_loss_crosses_the_border_of_the_parser_process() -> None:
    for document in (ParsedDocument("docx", "x", loss=WordLoss(9, {"page 2": 4})), ParsedDocument("text", "x")):
        assert decoded(encoded(document)) == document


def test_a_place_whose_name_cannot_be_stored_is_named_without_those_characters() -> None:
    document = ParsedDocument("epub", "x", loss=WordLoss(9, {"page a\0\ud800.xhtml": 4}))
    assert decoded(encoded(document)).loss == WordLoss(9, {"page a\ufffd\ufffd.xhtml": 4})


def test_the_name_of_a_place_is_bounded() -> None:
    lost = loss("", (f"page {'x' * 5_000}.xhtml", "The lamp."))
    assert lost is not None
    assert [len(place) for place in lost.lost] == [100]


@pytest.mark.parametrize(
    ("text", "pieces", "lost"),
    [
        # A part of a word is not the word.
        ("The bananas are here.", ("The", "an", "are", "here"), 1),
        ("The lamps.", ("The lamp",), 1),
        # A word counts once, wherever it stands.
        ("lamp desk lamp", ("lamp", "desk", "lamp", "lamp"), 1),
        ("desk lamp", ("lamp", "desk"), 0),
        ("a: lamp; b: desk", ("lamp, desk",), 0),
        (f"{'word ' * 30_000}lamp", ("lamp", *["word"] * 30_000, "lamp"), 1),
    ],
)
def test_words_are_counted_where_the_pieces_stand_in_another_order(
    text: str, pieces: tuple[str, ...], lost: int
) -> None:
    found = loss(text, *(("body", each) for each in pieces))
    assert found is not None
    assert (found.found, found.total) == (sum(len(each.replace(",", "").split()) for each in pieces), lost)
