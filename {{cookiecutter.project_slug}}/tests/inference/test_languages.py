"""Questions in other languages than English are answered from documents in their own, or refused."""

import pytest

from app.adapters.chat.standin import Fault
from tests.inference.conftest import Open, Service
from tests.inference.test_streaming import ask

DOCUMENTS = {
    "de": "Die Bücherei öffnet um neun Uhr. Die Mahngebühr beträgt zwanzig Cent je Tag und Buch.",
    "ja": "図書館は九時に開きます。延滞料は一日二十円です。",
    "th": "ห้องสมุดประชาชนเปิดเวลาเก้านาฬิกา ค่าปรับหนังสือเกินกำหนดเล่มละสองบาทต่อวัน",
    "ru": "Библиотека открывается в девять. Штраф составляет двадцать центов за книгу.",
}
QUESTIONS = {
    "de": ("Wie hoch ist die Mahngebühr?", "zwanzig Cent", "Wie entstehen Vulkane?"),
    "ja": ("延滞料はいくらですか？", "二十円", "火山はどのようにしてできますか？"),
    "th": ("ค่าปรับหนังสือเท่าไหร่", "สองบาท", "ภูเขาไฟเกิดขึ้นได้อย่างไร"),
    "ru": ("Какой штраф за книги?", "двадцать центов", "Как образуются вулканы?"),
}


async def test_a_single_document_answers_or_refuses(open_service: Open) -> None:
    service = await open_service(models=0)
    for text in DOCUMENTS.values():
        await service.publish(text)
    for question, phrase, off_topic in QUESTIONS.values():
        answer = (await service.ask(question)).json()
        assert answer["status"] == "answered", question
        assert phrase in answer["citations"][0]["quote"]
        refused = (await service.ask(off_topic)).json()
        assert (refused["status"], refused["citations"]) == ("refused", []), off_topic


STREAMED = {
    "de": ["Die Bücherei öffnet am 3. Januar um neun Uhr [1].", "Die Mahngebühr beträgt zwanzig Cent je Tag [1]."],
    "ja": ["図書館は九時に開きます[1]。", "延滞料は一日二十円です[1]。"],
}


@pytest.mark.parametrize("language", STREAMED)
async def test_a_stream_is_cut_where_the_language_of_the_question_ends_a_sentence(
    service: Service, language: str
) -> None:
    written = " ".join(STREAMED[language])
    await service.publish(written.replace(" [1]", "").replace("[1]", ""))
    service.model.faults.append(Fault(pieces=(written[:23], written[23:40], written[40:])))
    *texts, (name, answer) = await ask(service, question=QUESTIONS[language][0])
    assert name == "answer"
    assert [each["text"].strip() for _, each in texts] == STREAMED[language]
    assert answer["text"] == written


async def test_a_stream_for_a_question_too_short_to_tell_is_cut_as_the_best_passage(service: Service) -> None:
    written = " ".join(STREAMED["de"])
    await service.publish(written.replace(" [1]", ""))
    service.model.faults.append(Fault(pieces=(written[:23], written[23:40], written[40:])))
    *texts, _ = await ask(service, question="Mahngebühr Bücherei?")
    assert [each["text"].strip() for _, each in texts] == STREAMED["de"]
