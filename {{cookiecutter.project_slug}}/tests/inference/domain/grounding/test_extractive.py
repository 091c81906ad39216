from dataclasses import dataclass

import pytest

from app.inference.domain.grounding.answerability import Answerability
from app.inference.domain.grounding.extractive import best_sentences, coverage
from app.inference.domain.grounding.groundedness import check_grounding


@dataclass(frozen=True)
class Text:
    text: str
    score: float = 1.0


PASSAGES = (
    Text(
        "The harbour of Vell was dug in 1702. Queen Ida paid 40,000 crowns for it. "
        "Fishing was the main trade of the town. In winter the water froze."
    ),
    Text("Vell has a market on Fridays. The town hall dates from 1650 and was designed by Olof Berg.", 0.6),
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When was the harbour of Vell dug?", "1702"),
        ("How many crowns did the queen pay?", "40,000"),
        ("Who designed the town hall?", "Olof Berg"),
        ("What was the main trade of the town?", "Fishing"),
    ],
)
def test_the_first_sentence_answers(question: str, answer: str) -> None:
    assert answer in best_sentences(question, PASSAGES)[0].text


LIT = "The lamp of the harbour is lit with a match."


@pytest.mark.parametrize(
    "text",
    [
        f"## How the lamp of the harbour is lit\n\n{LIT}",
        f"1. The keeper climbs the tower.\n2. {LIT}\n3. The door is closed.",
        f"- The keeper climbs the tower.\n- {LIT}\n",
        f"Light it like this:\n\n```sh\nharbour lamp --lit\n```\n\n{LIT}",
        f"| lamp of the harbour | lit |\n|---|---|\n| north | no |\n\n{LIT}",
    ],
    ids=["heading", "number", "bullet", "code fence", "header of a table"],
)
def test_what_only_structures_a_text_is_not_quoted(text: str) -> None:
    quotes = best_sentences("How is the lamp of the harbour lit?", (Text(text),), limit=8)
    assert [quote.text for quote in quotes] == [LIT]


def test_an_example_that_repeats_the_question_comes_after_what_answers_it() -> None:
    example = Text('Call it with curl -d \'{"question": "Who designed the town hall?"}\' and a key.', 1.0)
    quotes = best_sentences("Who designed the town hall?", (example, *PASSAGES), limit=8)
    assert "Olof Berg" in quotes[0].text
    assert "curl" in quotes[-1].text


def test_offsets_match_the_text_and_no_sentence_is_quoted_twice() -> None:
    quotes = best_sentences("What is in Vell?", (*PASSAGES, PASSAGES[0]), limit=8)
    assert len({quote.text for quote in quotes}) == len(quotes)
    for quote in quotes:
        assert (*PASSAGES, PASSAGES[0])[quote.passage].text[quote.start : quote.end] == quote.text


def test_without_common_words_nothing_is_quoted() -> None:
    assert best_sentences("Zebras?", PASSAGES) == ()
    assert best_sentences("", PASSAGES) == ()
    assert best_sentences("What?", ()) == ()


def test_coverage_is_the_share_of_the_questions_words_in_one_passage() -> None:
    assert coverage("the harbour of Vell", PASSAGES) == 1.0
    assert coverage("harbour zebra", PASSAGES) == 0.5
    assert coverage("the of", PASSAGES) == 0.0


@pytest.mark.parametrize(
    ("words", "dense", "coverage", "carries"),
    [
        (0.3, None, 0.0, True),
        (0.1, None, 0.5, False),
        (0.1, None, 0.7, True),
        (0.1, 0.8, 0.0, True),
        (0.05, 0.3, 0.0, False),
        (0.4, 0.2, 0.0, True),
    ],
)
def test_weak_words_need_a_near_vector_or_a_passage_with_all_of_them(
    words: float, dense: float | None, coverage: float, carries: bool
) -> None:
    assert Answerability().enough(words, dense, lambda: coverage) is carries


def test_a_sentence_is_supported_by_its_cited_passage_only_if_that_has_its_words() -> None:
    good = check_grounding("Queen Ida paid for the harbour [1].", PASSAGES)
    assert [s.passage for s in good.supports] == [0]
    late = check_grounding("Queen Ida paid for it. [1] Olof Berg designed the town hall. [2]", PASSAGES)
    assert [s.passage for s in late.supports] == [0, 1]
    wrong = check_grounding("Queen Ida paid for the harbour [2].", PASSAGES)
    assert [s.passage for s in wrong.supports] == [0]
    none = check_grounding("Martians own seven moons [1].", PASSAGES)
    assert not none.enough("low")
    assert none.unsupported == 1


LIBRARIES = {
    "de": "Die Bücherei öffnet um neun Uhr. Die Mahngebühr beträgt zwanzig Cent je Tag und Buch.",
    "ru": "Библиотека открывается в девять. Штраф составляет двадцать центов за книгу.",
    "ja": "図書館は九時に開きます。延滞料は一日二十円です。",
    "zh": "图书馆九点开门。逾期罚款每天两角钱。",
    "th": "ห้องสมุดประชาชนเปิดเวลาเก้านาฬิกา ค่าปรับหนังสือเกินกำหนดเล่มละสองบาทต่อวัน",
    "ko": "도서관은 아홉 시에 엽니다. 연체료는 하루 이십 원입니다.",
    "ar": "تفتح المكتبة في التاسعة. غرامة التأخير عشرون سنتا في اليوم.",
    "fr": "La bibliothèque ouvre à neuf heures. L’amende est de vingt centimes par jour.",
}


@pytest.mark.parametrize(
    ("language", "question", "answer"),
    [
        ("de", "Wie hoch ist die Mahngebühr?", "zwanzig Cent"),
        ("de", "Um wie viel Uhr öffnet die Bücherei?", "neun Uhr"),
        ("ru", "Какой штраф за книги?", "двадцать центов"),
        ("ja", "延滞料はいくらですか？", "二十円"),
        ("zh", "逾期罚款是多少？", "两角钱"),
        ("th", "ค่าปรับหนังสือเท่าไหร่", "สองบาท"),
        ("ko", "연체료는 얼마입니까?", "이십 원"),
        ("ar", "كم غرامة التأخير؟", "عشرون سنتا"),
        ("fr", "De combien est l'amende ?", "vingt centimes"),
    ],
)
def test_the_first_sentence_answers_in_the_language_of_the_document(language: str, question: str, answer: str) -> None:
    passages = (Text(LIBRARIES[language]),)
    assert coverage(question, passages) >= Answerability().coverage
    assert answer in best_sentences(question, passages)[0].text


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("de", "Was ist die Hauptstadt von Australien?"),
        ("ru", "Как образуются вулканы?"),
        ("ja", "オーストラリアの首都はどこですか？"),
        ("zh", "澳大利亚的首都是哪个城市？"),
        ("th", "เมืองหลวงของออสเตรเลียคือเมืองอะไร"),
        ("ko", "호주의 수도는 어디입니까?"),
        ("ar", "ما هي عاصمة أستراليا؟"),
        ("fr", "Quelle est la capitale de l’Australie ?"),
    ],
)
def test_words_that_only_ask_do_not_cover_a_question(language: str, question: str) -> None:
    assert coverage(question, (Text(LIBRARIES[language]),)) < Answerability().coverage


def test_a_short_question_is_read_in_the_language_of_the_passage() -> None:
    assert coverage("Ile kosztuje bilet?", (Text("Bilet kosztuje pięć euro i jest ważny jeden dzień."),)) == 1.0


def test_full_width_letters_and_ligatures_are_found() -> None:
    assert coverage("ﬁle ＳＥＲＶＥＲ", (Text("The file server is in the cellar."),)) == 1.0


NAMED_ROWS = "\n".join(
    [
        "Columns: Plan, Cost per month, Seats, Support",
        "Plan: Plan B; Cost per month: 25 euro; Seats: 9; Support: by telephone",
        "Plan: Plan C; Cost per month: 60 euro; Seats: 30; Support: on the site",
        "Plan: Plan D; Cost per month: 140 euro; Seats: 90; Support: day and night",
    ]
)
PIPED_ROWS = "\n".join(
    [
        "Office | Opening hours | Telephone | Manager",
        "Office: Oslo | Opening hours: 8 to 16 | Telephone: 555 0102 | Manager: Nils Dahl",
        "Office: Vienna | Opening hours: 10 to 18 | Telephone: 555 0103 | Manager: Greta Baum",
    ]
)


@pytest.mark.parametrize(
    ("table", "question", "row"),
    [
        (NAMED_ROWS, "How many seats does Plan C have?", 2),
        (NAMED_ROWS, "Which support does Plan D have?", 3),
        (NAMED_ROWS, "How many seats are in Plan B?", 1),
        (PIPED_ROWS, "What is the telephone of the Vienna office?", 2),
        (PIPED_ROWS, "What are the opening hours of Oslo?", 1),
    ],
)
def test_of_a_table_the_row_is_quoted_that_was_asked_for(table: str, question: str, row: int) -> None:
    assert best_sentences(question, [Text(table)])[0].text == table.split("\n")[row]
    assert {quote.text for quote in best_sentences(question, [Text(table)])} <= {
        table.split("\n")[row],
        table.split("\n")[0],
    }


def test_all_rows_are_quoted_that_fit_a_question_alike() -> None:
    assert len(best_sentences("What are the costs per month of all plans?", [Text(NAMED_ROWS)])) == 3


def test_no_row_is_quoted_for_a_name_that_is_in_none() -> None:
    assert best_sentences("What does Plan X cost per month?", [Text(NAMED_ROWS)]) == ()
    assert best_sentences("What does the plan cost per month?", [Text(NAMED_ROWS)])


GERMAN_ROWS = "Hersteller: Acme; Produkt: Hammer; Preis: 10 Euro\nHersteller: Acme; Produkt: Zange; Preis: 12 Euro"


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("Welche Produkte hat der Hersteller Acme im Sortiment?", 2),
        ("Was kostet das Produkt Hammer im Laden?", 1),
        ("Was kostet das Produkt Säge?", 0),
        ("Was kostet ein Produkt der Marke X?", 0),
        ("Was kostet das Produkt 77?", 0),
    ],
)
def test_a_german_noun_that_stands_nowhere_is_no_name(question: str, rows: int) -> None:
    assert len(best_sentences(question, [Text(GERMAN_ROWS)])) == rows
