from collections.abc import Iterator
from email.message import EmailMessage

from benchmarks.made_documents import MadeDocument
from benchmarks.made_documents.prose import Prose

_CHARSETS = {"en": "us-ascii", "de": "iso-8859-1", "fr": "utf-8", "ru": "koi8-r", "zh": "gb18030"}


def _invitation(summary: str) -> str:
    event = f"SUMMARY:{summary}\nORGANIZER;CN=Ann:mailto:ann@example.org"
    return f"BEGIN:VCALENDAR\nBEGIN:VEVENT\n{event}\nEND:VEVENT\nEND:VCALENDAR\n"


def make(count: int, seed: int) -> Iterator[MadeDocument]:
    for number in range(count):
        prose, mail = Prose(seed + number), EmailMessage()
        mail["From"], mail["To"] = "Ann Keeper <ann@example.org>", "pier@example.org"
        mail["Subject"] = subject = prose.title()
        text = "\n\n".join(prose.paragraph() for _ in range(prose.random.randint(1, 6)))
        page = f"<html><body><h2>{subject}</h2><p>{text}</p></body></html>"
        charset = _CHARSETS[prose.language] if prose.chance() else "utf-8"
        if prose.chance(0.4):
            mail.set_content(page, subtype="html", charset=charset)
            text = f"{subject} {text}"
        else:
            mail.set_content(text, charset=charset, cte=prose.random.choice(["quoted-printable", "base64"]))
            if prose.chance():
                mail.add_alternative(page, subtype="html")
            if prose.chance(0.2):
                mail.add_alternative(_invitation(invited := prose.words(3)), subtype="calendar")
                text = f"{text} Event {invited} Organizer Ann"
        if prose.chance(0.1) and mail.get_content_type() == "multipart/alternative":
            next(mail.iter_parts()).set_content("See this message in a browser.")
            text = f"{subject} {text}"
        words = ["From", mail["From"], "To", mail["To"], subject, text]
        if prose.chance(0.3):
            mail.add_attachment(b"x", maintype="application", subtype="pdf", filename="fees.pdf")
            words.append("fees.pdf")
        yield MadeDocument(f"mail-{number}.eml", bytes(mail), " ".join(words))
