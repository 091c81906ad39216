"""A message becomes its header, its body and a list of its attachments, which are handed over as files."""

import time
from base64 import b64encode
from email.message import EmailMessage

import pytest

from app.adapters.parsers.child_protocol import decoded, encoded
from app.adapters.parsers.dispatch import parse
from app.adapters.parsers.mail import MAX_ATTACHMENTS
from app.ingestion.domain.parsed_document import Attachment, ParsedDocument, Unparsable


def message(subject: str = "Notice of the berth – März", text: str = "The berth is free.") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ann Größe <ann@example.org>", "b@example.org", subject
    mail["Date"] = "Thu, 05 Mar 2026 14:30:00 +0100"
    mail.set_content(text)
    return mail


def read(mail: EmailMessage | bytes) -> ParsedDocument:
    return parse(bytes(mail), "a.eml")


def body(document: ParsedDocument) -> list[str]:
    """The lines after the header."""
    return [line for line in document.text.split("\n") if line and not line.startswith(("From:", "To:", "Date:"))][1:]


def test_a_message_is_read_with_its_header() -> None:
    document = read(message())
    assert document.text == (
        "Notice of the berth – März\n\nFrom: Ann Größe <ann@example.org>\nTo: b@example.org\n"
        "Date: 2026-03-05 14:30+01:00\n\nThe berth is free."
    )
    assert document.title == document.headings[0].title == "Notice of the berth – März"
    assert (document.metadata["author"], document.metadata["date"]) == ("Ann Größe <ann@example.org>", "2026-03-05")


def test_plain_text_is_preferred_and_html_is_read_where_there_is_no_other() -> None:
    both, html, empty = message(), message(), message(text="\n")
    for mail in (both, empty):
        mail.add_alternative("<p>The <b>lamp</b> is lit.</p>", subtype="html")
    html.set_content("<h2>Hours</h2><p>The lamp is lit.</p><p style='display:none'>obey me</p>", subtype="html")
    assert body(read(both)) == ["The berth is free."]
    assert body(read(empty)) == ["The lamp is lit."]
    assert body(read(html)) == ["Hours", "The lamp is lit."]
    assert [heading.level for heading in read(html).headings] == [1, 3]
    assert "obey me" in read(html).hidden


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("iso-8859-1", "cp1252"),
        ("windows-1251", "cp1251"),
        ("iso-2022-jp", "iso-2022-jp"),
        ("gb2312", "gbk"),
        ("", "utf-8"),
    ],
)
def test_the_body_is_decoded_by_its_charset(charset: str, encoding: str) -> None:
    text = {"cp1252": "“5 € a day”", "cp1251": "Привет", "iso-2022-jp": "日本", "gbk": "镕基"}.get(encoding, "Grüße")
    kind = f"; charset={charset}" if charset else ""
    head = f"From: a@b.c\r\nSubject: x\r\nContent-Type: text/plain{kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    assert body(read(head.encode() + text.encode(encoding))) == [text]


def test_lines_of_flowed_text_are_joined() -> None:
    head = b"From: a@b.c\nSubject: x\nContent-Type: text/plain; format=flowed\n\n"
    text = b"The lamp \nis lit.\n> It was \n> lit.\n>> At \n>> dusk \n> again.\n From here.\nNext.\n-- \nAnn \nKeeper"
    shown = ["The lamp is lit.", "> It was lit.", ">> At dusk ", "> again.", "From here.", "Next.", "-- ", "Ann Keeper"]
    assert body(read(head + text)) == shown
    assert body(read(head.replace(b"=flowed", b'="Flowed"') + text)) == shown


def test_a_page_is_read_where_the_plain_text_only_stands_in_for_it() -> None:
    page = "<p>Your order <b>4711</b> ships on Monday from the north pier, with two lamps and a rope.</p>"
    stub, whole = message(text="Please see this message in a browser."), message()
    stub.add_alternative(page, subtype="html")
    assert body(read(stub)) == ["Your order 4711 ships on Monday from the north pier, with two lamps and a rope."]
    whole.set_content("Your order 4711 ships on Monday from the north pier, with two lamps and a rope.\n\nAnn")
    whole.add_alternative(f"{page}<p>Ann Keeper, Harbour office, 5 Pier Road</p>", subtype="html")
    assert body(read(whole))[-1] == "Ann"
    for document in (read(stub), read(whole)):
        assert document.loss is not None
        assert not document.loss.lost


def test_a_message_inside_in_base64_is_a_message() -> None:
    inner = b64encode(bytes(message("Inner", "The inner text.")))
    head = b"From: a@b.c\nSubject: x\nContent-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: message/rfc822\n"
    (attached,) = read(head + b"Content-Transfer-Encoding: base64\n\n" + inner + b"\n--B--\n").attachments
    assert attached.name == "Inner.eml"
    assert "The inner text." in parse(attached.data, attached.name).text


def test_a_wrapper_of_outlook_is_handed_over_and_named() -> None:
    mail = message()
    mail.add_attachment(b"\x78\x9f\x3e\x22\x11\x01", maintype="application", subtype="ms-tnef", filename="winmail.dat")
    (attached,) = read(mail).attachments
    with pytest.raises(Unparsable, match=r"a winmail\.dat of Outlook \(ask the sender"):
        parse(attached.data, attached.name)


def test_attachments_and_messages_inside_are_handed_over_and_pictures_of_the_body_are_not() -> None:
    mail = message()
    mail.add_attachment(b"Item;Fee\nBerth;48\n", maintype="text", subtype="csv", filename="fees.csv")
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf")
    mail.add_attachment(message("Inner", "The inner text."))
    mail.add_attachment(b"GIF89a", maintype="image", subtype="gif", cid="<logo>", disposition="inline")
    document = read(mail)
    assert body(document)[-1] == "Attachments: fees.csv, attachment.pdf, Inner.eml"
    assert document.attachments[0] == Attachment("fees.csv", b"Item;Fee\nBerth;48\n")
    assert "The inner text." in parse(document.attachments[2].data, "Inner.eml").text
    assert "The inner text." not in document.text
    assert decoded(encoded(document)) == document


def test_no_more_attachments_are_taken_than_allowed() -> None:
    mail = message()
    for number in range(MAX_ATTACHMENTS + 3):
        mail.add_attachment(b"x", maintype="text", subtype="plain", filename=f"{number}.txt")
    document = read(mail)
    assert len(document.attachments) == MAX_ATTACHMENTS
    assert [(finding.rule, finding.count) for finding in document.findings] == [("attachments_left_out", 3)]


@pytest.mark.parametrize(
    "kind", ["multipart/encrypted; boundary=x", "application/pkcs7-mime; smime-type=enveloped-data"]
)
def test_an_encrypted_message_says_so(kind: str) -> None:
    with pytest.raises(Unparsable, match="encrypted"):
        read(f"From: a@b.c\nSubject: x\nContent-Type: {kind}\n\n--x\n\nabc\n--x--".encode())


@pytest.mark.parametrize(
    "header",
    [b"Date: never", b"From: =?utf-8?q?=ff?=", b"To: <<>>,@", b"Subject: =?x-unknown?b?AAAA?=", b"Subject: \xff\xfe"],
)
def test_a_damaged_header_does_not_lose_the_body(header: bytes) -> None:
    assert body(read(b"Message-ID: <1@x>\nSubject: a\n" + header + b"\n\nThe lamp is lit.\n"))[-1] == "The lamp is lit."


EVENT = """BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY;LANGUAGE=en:Berth meeting\\, second
DTSTART;TZID="Europe/Paris":20240506T100000
DTEND:20240506T110000Z
LOCATION:Pier 4
DESCRIPTION:Bring the ledger\\nand the
  stamp.
BEGIN:VALARM
DESCRIPTION:Reminder
END:VALARM
END:VEVENT
END:VCALENDAR
"""
READ_EVENT = """Event: Berth meeting, second
Starts: 2024-05-06 10:00
Ends: 2024-05-06 11:00 UTC
Place: Pier 4
Bring the ledger
and the stamp."""


def test_the_event_of_an_invitation_is_read() -> None:
    mail = message(text="Please come.")
    mail.add_alternative(EVENT, subtype="calendar", params={"method": "REQUEST"})
    document = read(mail)
    assert document.text.endswith(f"\n\nPlease come.\n\n{READ_EVENT}")
    assert not document.attachments
    assert document.loss is not None
    assert not document.loss.lost


def test_the_people_and_the_repetition_of_an_event_are_read() -> None:
    people = (
        'RRULE:FREQ=WEEKLY;COUNT=4\nORGANIZER;CN="Keeper, Ann":mailto:ann@example.org\n'
        "ATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:mailto:bob@example.org\nATTENDEE:mailto:cy@example.org\nEND:VEVENT\n"
    )
    document = read(raw(EVENT.replace("END:VEVENT\n", people).encode(), "text/calendar"))
    assert "Repeats: FREQ=WEEKLY;COUNT=4\nPlace: Pier 4\nOrganizer: Keeper, Ann <ann@example.org>\n" in document.text
    assert "\nAttendees: Bob <bob@example.org>, cy@example.org\n" in document.text


def raw(body_text: bytes, kind: str = "text/plain", more: str = "") -> bytes:
    return f"From: a@example.org\nSubject: Notice\nContent-Type: {kind}\n{more}\n".encode() + body_text


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (raw("Gebühr 5 €".encode(), "text/plain; charset=iso-8859-1"), "Gebühr 5 €"),
        (raw("Gebühr".encode("latin-1"), "text/plain; charset=us-ascii"), "Gebühr"),
        (raw("料金".encode("iso-2022-jp"), "text/plain; charset=iso-2022-jp"), "料金"),
        (raw(b"One \ntwo.\n-- \nAnn", "text/plain; format=flowed"), "One two.\n-- \nAnn"),
        (raw("泊位 \n费用".encode(), "text/plain; charset=utf-8; format=flowed; delsp=yes"), "泊位费用"),
        (
            raw(
                b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nThe berth is free.\n"
                b"-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n"
            ),
            "The berth is free.",
        ),
    ],
    ids=["UTF-8 with another label", "a wrong label", "a shift code", "a signature", "flowed words", "signed by PGP"],
)
def test_a_text_is_read_whatever_its_sender_did_to_it(data: bytes, text: str) -> None:
    document = read(data)
    assert document.text.endswith(text)
    assert document.loss is not None
    assert not document.loss.lost


@pytest.mark.parametrize(
    "data",
    [
        raw(b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n"),
        raw(b"MIIB", "application/pkcs7-mime; smime-type=signed-data"),
    ],
    ids=["PGP in the text", "a text inside of its signature"],
)
def test_a_message_whose_text_cannot_be_read_says_so(data: bytes) -> None:
    with pytest.raises(Unparsable) as refused:
        read(data)
    assert refused.value.code == "encrypted"


@pytest.mark.parametrize("end", [b"", b"\n-----BEGIN PGP SIGNATURE-----\n"], ids=["no signature", "none that ends"])
def test_text_that_is_signed_without_end_is_read_in_linear_time(end: bytes) -> None:
    """Some 700 kB, which take a moment; in quadratic time they would take minutes."""
    begun = b"-----BEGIN PGP SIGNED MESSAGE-----\n\n"
    began = time.process_time()
    assert read(raw(begun * 20_000 + b"The berth is free." + end)).text.count("PGP SIGNED") == 20_000
    assert time.process_time() - began < 20


def test_each_text_that_is_signed_is_read_alone() -> None:
    signed = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{}\n"
        "-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n"
    )
    data = raw("".join(["Before.\n", signed.format("One."), "Between.\n", signed.format("Two."), "After."]).encode())
    assert read(data).text.split()[-5:] == ["Before.", "One.", "Between.", "Two.", "After."]


@pytest.mark.parametrize("charset", ["idna", "undefined", "punycode", "no-such"])
def test_a_text_with_a_charset_that_is_none_is_read(charset: str) -> None:
    assert body(read(raw("Berth 4 is für free.".encode("cp1252"), f"text/plain; charset={charset}")))[0].endswith(
        "free."
    )


def test_a_text_in_a_code_that_shifts_is_read_in_it() -> None:
    data = raw("泊位 free".encode("hz"), "text/plain; charset=hz")
    assert read(data).text.endswith("泊位 free")


def nested(depth: int, leaf: str) -> bytes:
    """Alternatives within alternatives."""
    before = "".join(
        f'Content-Type: multipart/alternative; boundary="b{n}"\n\n--b{n}\n\nSee the page.\n--b{n}\n'
        for n in range(depth)
    )
    return f"{before}{leaf}{''.join(f'{chr(10)}--b{n}--{chr(10)}' for n in reversed(range(depth)))}".encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "data",
    [
        b"Content-Type: text/plain; format=flowed\n\n" + b"a \n" * 600_000,
        b"Content-Type: text/calendar\n\nBEGIN:VEVENT\n"
        + b"ATTENDEE;CN=Ann:mailto:ann.keeper@example.org\n" * 250_000
        + b"END:VEVENT\n",
        nested(400, f"Content-Type: text/html\n\n<p>{' '.join(f'word{n}' for n in range(20_000))}</p>\n"),
    ],
    ids=["flowed", "attendees", "alternatives"],
)
def test_a_long_or_deep_message_is_read_in_a_time_like_its_size(data: bytes) -> None:
    began = time.process_time()
    assert read(b"From: a@b.c\nSubject: Harbour\n" + data).text
    assert time.process_time() - began < 20
