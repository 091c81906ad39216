"""The language of questions that are short, mixed, ambiguous or strange."""

import pytest

from app.core.languages.identification import UNKNOWN, language_of
from app.core.languages.stop_words import STOP_WORDS
from app.core.languages.words import fold


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Wat is de beste manier om dit te doen in het weekend?", "nl"),
        ("Perché non posso aprire il documento della squadra?", "it"),
        ("Como posso pedir férias e quem são os responsáveis?", "pt"),
        ("Können wir für morgen ein Zimmer buchen?", "de"),
        ("WHERE IS THE PRINTER", "en"),
        ("where's the printer?", "en"),
    ],
)
def test_function_words_tell_it(question: str, language: str) -> None:
    assert language_of(question) == language


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("휴가는 언제입니까", "ko"),
        ("假期有几天", "zh"),
        ("كم عدد أيام الإجازة", "ar"),
        ("כמה ימי חופשה יש", "he"),
        ("Πόσες μέρες άδεια έχω;", "el"),
        ("छुट्टी कितने दिन की है", "hi"),
        ("วันหยุดมีกี่วัน", "th"),
        ("Сколько дней отпуска", "ru"),
        ("ﾊﾟｽﾜｰﾄﾞﾘｾｯﾄ", "ja"),  # half-width katakana
        ("ﾊﾟｽﾜｰﾄﾞ再設定方法", "ja"),
        ("パスワード", "ja"),
    ],
)
def test_a_script_tells_it(question: str, language: str) -> None:
    assert language_of(question) == language


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("東京支店の休暇規程", "ja"),  # one kana among Chinese characters
        ("東京支店休暇規程", "zh"),  # none
        ("What does the letter の mean in our manual?", "en"),
        ("What is the meaning of 休暇 in our manual?", "en"),
        ("Как настроить VPN?", "ru"),
        ("VPN для", UNKNOWN),  # as many letters of one script as of the other, and no word that is known
    ],
)
def test_among_scripts_the_one_of_most_letters_decides(question: str, language: str) -> None:
    assert language_of(question) == language


@pytest.mark.parametrize(
    "question",
    [
        "",
        "   \n\t",
        "502 404 1.2.3",
        "???!!!",
        "VPN",
        "\u202e\u200b\u2060",
        "🏖🏖🏖",
        "\x00\ud800",
    ],
)
def test_what_tells_nothing_is_unknown(question: str) -> None:
    assert language_of(question) == UNKNOWN


@pytest.mark.parametrize("question", ["de", "in", "la", "is was"])
def test_languages_that_share_all_the_words_leave_it_open(question: str) -> None:
    assert language_of(question) == UNKNOWN


def test_one_word_more_decides_between_languages_that_share_the_others() -> None:
    assert language_of("la de") == UNKNOWN
    assert language_of("la de por qué") == "es"


def test_every_repeat_of_a_word_counts() -> None:
    assert language_of("how wie") == UNKNOWN
    assert language_of("how how wie") == "en"


def test_words_inside_of_others_do_not_count() -> None:
    assert language_of("theatre island whatever") == UNKNOWN


def test_a_long_hostile_text_is_a_question_like_any_other() -> None:
    assert language_of("the " * 20_000) == "en"
    assert language_of("\u0301" * 20_000) == UNKNOWN


@pytest.mark.parametrize("language", STOP_WORDS)
def test_stop_words_are_in_the_form_in_which_words_are_compared(language: str) -> None:
    assert [word for word in STOP_WORDS[language] if fold(word, language) != [word]] == []


@pytest.mark.parametrize(
    "text", ["Plan C", "Vitamin D", "Terminal L opens", "Section c applies", "Gate S", "Row T, seat M", "Piso A"]
)
def test_a_letter_that_names_something_is_no_word_of_a_language(text: str) -> None:
    assert language_of(text) == UNKNOWN


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Der Plan C kostet 60 Euro.", "de"),
        ("Die Tarife C, D und L kosten mehr.", "de"),
        ("What does Plan C cost?", "en"),
        ("The berth isn't free.", "en"),
        ("L'Italia è bella.", "it"),
        ("C\u2019est le quai D.", "fr"),
        ("Kto i kiedy z tego domu?", "pl"),
    ],
)
def test_words_of_one_letter_count_and_names_beside_them_do_not(text: str, language: str) -> None:
    assert language_of(text) == language
