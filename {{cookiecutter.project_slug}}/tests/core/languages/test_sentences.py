import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.languages.sentences import sentences
from app.core.languages.stop_words import ENGLISH
from app.core.languages.words import fold, key_of, stem, stems_in, terms


def cut(text: str) -> list[str]:
    return [text[s.start : s.end] for s in sentences(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Holm met Mr. Ek. They spoke.", ["Dr. Holm met Mr. Ek.", "They spoke."]),
        ("It cost 3.5 million. It fell.", ["It cost 3.5 million.", "It fell."]),
        ("J. R. R. Tolkien wrote it. It sold.", ["J. R. R. Tolkien wrote it.", "It sold."]),
        ("The U.S. Navy came. He left the U.S. The end.", ["The U.S. Navy came.", "He left the U.S.", "The end."]),
        ('He said "Go." She went.', ['He said "Go."', "She went."]),
        ("See e.g. the map (p. 4). Then go.", ["See e.g. the map (p. 4).", "Then go."]),
        ("# Title\nText here. More.\n\nNew one", ["# Title", "Text here.", "More.", "New one"]),
        ("- one\n- two\n- three", ["- one", "- two", "- three"]),
        ("| a | b |\n| 1 | 2 |", ["| a | b |", "| 1 | 2 |"]),
        (
            "A long line of wrapped text that goes on in the\nnext line. And ends.",
            ["A long line of wrapped text that goes on in the\nnext line.", "And ends."],
        ),
        ("Name: Holm\nBorn: 1840", ["Name: Holm", "Born: 1840"]),
        (
            "Die Halle hat z. B. am 3. Oktober zu. Dr. Meier hilft.",
            ["Die Halle hat z. B. am 3. Oktober zu.", "Dr. Meier hilft."],
        ),
        ("Das macht ca. 20 Cent. Die Nr. 5 ist frei.", ["Das macht ca. 20 Cent.", "Die Nr. 5 ist frei."]),
        ("El Sr. Gómez abre hoy. La pág. 5 falta.", ["El Sr. Gómez abre hoy.", "La pág. 5 falta."]),
        ("Она на ул. Ленина. Там и т. д. есть.", ["Она на ул. Ленина.", "Там и т. д. есть."]),
        ("Dom jest przy ul. Długiej. To nie tu.", ["Dom jest przy ul. Długiej.", "To nie tu."]),
        ("Dhr. Jansen is er bijv. op maandag. Hij wacht.", ["Dhr. Jansen is er bijv. op maandag.", "Hij wacht."]),
        (
            "開館は九時です。「休みは月曜だ。」入口は北です。",
            ["開館は九時です。", "「休みは月曜だ。」", "入口は北です。"],
        ),
        ("他说：“九点开门。”请来！", ["他说：“九点开门。”", "请来！"]),
        ("M. Dupont est là. Il attend.", ["M. Dupont est là.", "Il attend."]),
        ("هل هو مفتوح؟ نعم. لا.", ["هل هو مفتوح؟", "نعم.", "لا."]),
        ("도서관은 열었다. 그는 갔다.", ["도서관은 열었다.", "그는 갔다."]),
        (
            "ห้องสมุดประชาชนเปิดเก้าโมงเช้า ค่าปรับเล่มละสองบาทต่อหนึ่งวัน และไม่เกินร้อยบาท",
            ["ห้องสมุดประชาชนเปิดเก้าโมงเช้า", "ค่าปรับเล่มละสองบาทต่อหนึ่งวัน และไม่เกินร้อยบาท"],
        ),
        ("यह खुला है। वह बंद है।", ["यह खुला है।", "वह बंद है।"]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_sentences_are_split_as_a_reader_would(text: str, parts: list[str]) -> None:
    assert cut(text) == parts


@given(st.text(alphabet="aB .!?\n#-|1\"'(。」ข้", max_size=200))
def test_every_word_is_in_exactly_one_sentence_in_order(text: str) -> None:
    spans = sentences(text)
    at = 0
    for span in spans:
        assert at <= span.start < span.end <= len(text)
        assert not text[at : span.start].strip()
        at = span.end
    assert not text[at:].strip()


COSTLY = {
    "initials": "J. R. Tolkien ",
    "abbreviations": "See e.g. Foo ",
    "dots": ".",
    "clauses of Thai": "ห้องสมุด และ",
}


@pytest.mark.slow
@pytest.mark.parametrize("unit", COSTLY.values(), ids=COSTLY)
def test_a_sentence_of_three_million_characters_is_cut_in_one_pass(unit: str) -> None:
    """In quadratic time most of them would take hours."""
    began = time.process_time()
    sentences(unit * (3_000_000 // len(unit)))
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Keeper's LAMPS", ["the", "keeper", "lamps"]),
        ("the keeper’s lamp", ["the", "keeper", "lamp"]),
        ("it cost 40,000 crowns, or 3.5 each", ["it", "cost", "40000", "crowns", "or", "3.5", "each"]),
        ("don't, e-mail; a_b", ["don't", "e", "mail", "a", "b"]),
        ("", []),
    ],
)
def test_words_are_compared_without_case_possessive_and_thousands_separator(text: str, words: list[str]) -> None:
    assert fold(text) == words


def test_only_words_with_a_meaning_of_their_own_are_terms() -> None:
    assert terms("The lamps of the tower, and the lamp") == ["lamp", "tower", "lamp"]
    assert terms("who is it for") == []
    assert key_of("The") == ""
    assert key_of("Lamps") == key_of("lamp") == stem("lamp")


def test_a_text_holds_the_stems_of_its_words_and_no_others() -> None:
    wanted = frozenset({"lamp", "tower", "ferri"})
    assert stems_in("Two LAMPS on each ferry", wanted) == {"lamp", "ferri"}
    assert stems_in("lamplight", wanted) == frozenset()


@given(st.text(max_size=200))
def test_a_text_holds_all_of_its_own_terms(text: str) -> None:
    own = frozenset(terms(text))
    assert stems_in(text, own) == own
    assert not own & ENGLISH - {stem(word) for word in fold(text) if word not in ENGLISH}
