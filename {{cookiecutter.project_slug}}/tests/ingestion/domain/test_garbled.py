"""Letters that are no words are found in any language, and a language that is not known is not taken for them."""

import pytest

from app.ingestion.domain.garbled import why_garbled

TEXTS = {
    "en": "The ferry to the island leaves at half past six in summer, and at seven in the winter months unless the "
    "harbour is frozen. Guests of the yacht club moor at the second pier, which has water and light at each berth.",
    "de": "Die Fähre zur Insel fährt im Sommer um halb sieben und in den Wintermonaten um sieben Uhr, sofern der Hafen "
    "nicht zugefroren ist. Gäste des Segelvereins legen am zweiten Steg an, der Wasser und Licht an jedem Platz hat.",
    "pl": "Prom na wyspę odpływa latem o wpół do siódmej, a w miesiącach zimowych o siódmej, chyba że port jest "
    "zamarznięty. Goście klubu żeglarskiego cumują przy drugim pomoście, przy którym jest woda i światło.",
    "cs": "Trajekt na ostrov odplouvá v létě v půl sedmé a v zimních měsících v sedm hodin, pokud přístav není "
    "zamrzlý. Hosté jachtařského klubu kotví u druhého mola, kde je u každého místa voda a světlo.",
    "fi": "Lautta saareen lähtee kesällä puoli seitsemältä ja talvikuukausina seitsemältä, ellei satama ole jäässä. "
    "Purjehdusseuran vieraat kiinnittyvät toiseen laituriin, jossa on vettä ja valoa jokaisella paikalla.",
    "cy": "Mae'r fferi i'r ynys yn gadael am hanner awr wedi chwech yn yr haf ac am saith yn ystod misoedd y gaeaf "
    "oni bai bod yr harbwr wedi rhewi. Mae gwesteion y clwb hwylio yn angori wrth yr ail bier.",
    "vi": "Chuyến phà ra đảo khởi hành lúc sáu giờ rưỡi vào mùa hè và lúc bảy giờ trong những tháng mùa đông trừ khi "
    "bến cảng bị đóng băng. Khách của câu lạc bộ du thuyền neo đậu ở bến tàu thứ hai.",
    "tr": "Adaya giden feribot yazın altı buçukta, kış aylarında ise liman donmadıkça yedide kalkar. Yat kulübünün "
    "konukları her yerinde su ve ışık bulunan ikinci iskeleye yanaşır.",
    "ru": "Паром на остров отходит летом в половине седьмого, а в зимние месяцы в семь часов, если гавань не замёрзла.",
    "el": "Το πλοίο για το νησί φεύγει στις έξι και μισή το καλοκαίρι και στις επτά τους χειμερινούς μήνες.",
    "ar": "تغادر العبارة إلى الجزيرة في السادسة والنصف صيفا وفي السابعة في أشهر الشتاء ما لم يتجمد الميناء.",
    "th": "เรือข้ามฟากไปเกาะออกเวลาหกโมงครึ่งในฤดูร้อนและเจ็ดโมงในฤดูหนาวเว้นแต่ท่าเรือจะเป็นน้ำแข็ง",
    "ja": "島へのフェリーは夏は六時半に、冬は港が凍らないかぎり七時に出ます。",
    "ko": "섬으로 가는 여객선은 여름에는 여섯 시 반에, 겨울에는 항구가 얼지 않는 한 일곱 시에 떠난다.",
}
LATIN = ("en", "de", "pl", "cs", "fi", "vi", "tr")
HARMLESS = {
    "numbers": "4711 12.50 17 3 99 " * 30,
    "codes": "AX-4417-BZQ KR-0091-TTW QP-7713-LLK " * 20,
    "a word list": "\n".join(f"harbour{'s' * (number % 2)}" for number in range(40)),
    "a list of entries": "\n".join(f"{word}." for word in ["Gloves", "Ropes", "Paint", "Hooks"] * 10),
    "a long address": "See https://example.org/harbour/office/opening-times/of-the-winter/index.html for the times.",
    "a formula": "f(x) = a x^2 + b x + c, where HH:MM and YYYY-MM-DD are given",
    "notes of a doctor": "Pt seen by SW today, on HCTZ 25 mg PO qd and ASA 81 mg, BP 140/90, f/u in 2 wks prn. " * 10,
    "citations of laws": "".join(
        f"§ {n} Abs. 1 S. 2 BGB i.V.m. Art. {n} GG, vgl. BGHZ {n}, 7 ff.\n" for n in range(60)
    ),
    "a list of parts": "".join(f"XR{n:04}-QZ HEX SCR M{n}x5 ZN CL8.8 PKT {n}\n" for n in range(80)),
    "a program": "".join(f"  mov rax, qword ptr [rbp-{n}]\n  xor rcx, rcx\n  jmp lbl{n}\n" for n in range(60)),
    "little text": "Xyz qrt.",
    "nothing": "",
}


@pytest.mark.parametrize("text", [*TEXTS.values(), *HARMLESS.values()], ids=[*TEXTS, *HARMLESS])
def test_text_of_any_language_is_text(text: str) -> None:
    assert why_garbled(text) == ""
    assert why_garbled(text.upper()) == ""


def shifted(text: str, by: int) -> str:
    """As when numbers of glyphs are taken for letters."""
    return "".join(each if each.isspace() else chr(max(33, ord(each) + by)) for each in text)


EXCHANGED = str.maketrans("abcdefghijklmnopqrstuvwxyz", "qzwxjkvbpmdhcfnugylrtsaeio")
MAKERS = {
    "letters of a shifted font": (lambda text: shifted(text, -29), "do not form words"),
    "letters of another shifted font": (lambda text: shifted(text, 3), "do not form words"),
    "exchanged letters": (lambda text: text.casefold().translate(EXCHANGED), "do not form words"),
    "doubled letters": (lambda text: "".join(each * (1 + each.isalpha()) for each in text), "there twice"),
    "no blanks": (lambda text: text.replace(" ", "").replace(",", ""), "no blanks"),
    "one word a line": (lambda text: text.replace(" ", "\n"), "one word only"),
    "some letters unknown": (lambda text: text.replace("a", "\ufffd").replace("i", "\ufffd"), "does not tell"),
}  # fmt: skip


@pytest.mark.parametrize("language", LATIN)
@pytest.mark.parametrize(("make", "why"), MAKERS.values(), ids=MAKERS)
def test_letters_that_are_no_words_are_found(language: str, make, why: str) -> None:
    assert why in why_garbled(make(TEXTS[language] * 3))


def test_a_garbled_part_of_a_long_text_is_found() -> None:
    assert why_garbled(TEXTS["en"] * 30 + shifted(TEXTS["en"], -29) * 10)
    assert not why_garbled(TEXTS["en"] * 300 + shifted(TEXTS["en"], -29))
    assert why_garbled(TEXTS["en"] * 1500 + shifted(TEXTS["en"], -29) * 800)
