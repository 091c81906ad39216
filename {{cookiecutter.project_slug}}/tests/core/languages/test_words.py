"""Words of different scripts and languages in the form in which they are compared."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.languages.words import (
    asked_words,
    fold,
    index_text,
    length_scale,
    normalised,
    query_text,
    stem,
    terms,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ｗｉ－Ｆｉ", "wi-fi"),
        ("ﬁle oﬃce", "file office"),
        ("cafe\u0301", "café"),
        ("ﾌﾟｰﾙ", "プール"),
        ("STRASSE", "straße"),
        ("co\u00adoperate", "cooperate"),
        ("İZMİR", "izmir"),
        ("น้ำ", "น\u0e4d\u0e49า"),
        ("เเม่", "แม่"),
        ("㌔", "キロ"),
        ("كتـــاب", "كتاب"),
        ("①", "1"),
    ],
)
def test_letters_that_look_alike_are_the_same(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("de", "die Bibliotheken", "der Bibliothek"),
        ("fr", "l’école", "les écoles"),
        ("es", "las bicicletas", "la bicicleta"),
        ("it", "dell'amico", "gli amici"),
        ("pt", "os gatos", "gato"),
        ("nl", "de honden", "een hond"),
        ("pl", "kosztowała", "kosztował"),
        ("ru", "в библиотеке", "библиотека"),
        ("tr", "kitaplar", "kitap"),
        ("ar", "الكتاب", "كتاب"),
        ("en", "the libraries", "library"),
    ],
)
def test_forms_of_a_word_have_one_stem(language: str, one: str, other: str) -> None:
    assert terms(one, language) == terms(other, language) != []


@pytest.mark.parametrize(
    ("language", "question", "about"),
    [
        ("de", "Wie hoch ist die Mahngebühr?", ["mahngebühr"]),
        ("fr", "Où est l'entrée ?", ["entrée"]),
        ("ru", "Сколько стоит билет?", ["стоит", "билет"]),
        ("zh", "图书馆是谁的？", ["图书", "书馆"]),
        ("ja", "図書館はどこですか？", ["図書", "書館"]),
        ("ko", "도서관 어디에 있나요?", ["도서", "서관"]),
        ("th", "ห้องสมุดอยู่ที่ไหน", ["ห้อ", "อง", "งส", "สมุ", "มุด", "ดอ", "อยู่"]),
        ("en", "What is the fee?", ["fee"]),
    ],
)
def test_words_that_only_ask_are_left_out(language: str, question: str, about: list[str]) -> None:
    assert asked_words(question, language) == about


def test_stop_words_of_one_language_are_subjects_in_another() -> None:
    assert terms("die war", "en") == ["die", "war"]
    assert terms("die war", "de") == []
    assert terms("son", "fr") == []
    assert terms("son", "en") == ["son"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Wi-Fi接続", ["wi", "fi", "接続"]),
        ("駅", ["駅"]),
        ("は", []),
        ("プール使用料", ["プー", "ール", "使用", "用料"]),
        ("2019年", ["2019", "年"]),
        ("हिन्दी किताब", ["हिन्दी", "किताब"]),
    ],
)
def test_scripts_without_spaces_become_pairs_of_letters_run_by_run(text: str, words: list[str]) -> None:
    assert fold(text) == words


@given(st.text(alphabet="図書館のプールข้องสมุด도서관 abc.É?", max_size=40))
def test_a_query_looks_up_only_what_its_own_text_would_be_indexed_by(text: str) -> None:
    tokens = {"".join(each) for each in re.findall(r"(x[0-9a-f]{4,})", query_text(text))}
    assert tokens <= set(re.findall(r"(x[0-9a-f]{4,})", index_text(text)))


def test_plain_text_is_indexed_as_it_is() -> None:
    text = "See https://example.com/a-b?c=1, version 1.2.3."
    assert index_text(text) is text
    assert query_text("What is in version 1.2.3?") == "What is in version 1.2.3?"
    assert index_text("Naïve café") == "naïve café"


def test_a_query_of_words_that_only_ask_keeps_them() -> None:
    assert query_text("Wer war das und wie?") == "wer war das und wie?"


def test_pairs_of_letters_do_not_make_a_passage_long() -> None:
    assert length_scale("A passage in English") == 1
    assert length_scale("图书馆") == 14
    assert 1 < length_scale("The library, 图书馆") < 7


def test_a_language_without_a_stemmer_has_stems_of_english() -> None:
    assert stem("libraries", "und") == stem("libraries") == "librari"
