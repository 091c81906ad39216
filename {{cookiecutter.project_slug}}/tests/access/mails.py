"""Messages of the access test: each has an attachment, and a message with an attachment of its own."""

from collections.abc import Sequence
from email.message import EmailMessage


def message_about(place: str, words: Sequence[str], damage: bytes) -> bytes:
    """words: one for each text. damage: bytes for which the attachment is quarantined, or none."""
    body, attached, inner, deep = (_sentence(place, word) for word in words)
    within = _message(f"Notes within {place}", inner, ("deep.txt", deep.encode()))
    return bytes(_message(f"Notes on {place} {words[0]}", body, ("code.txt", attached.encode() + damage), within))


def _sentence(place: str, word: str) -> str:
    return f"The code of {place} is {word}. It was another one before."


def _message(subject: str, text: str, *attached: tuple[str, bytes] | EmailMessage) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["Subject"] = "ann@example.org", subject
    message.set_content(text)
    for each in attached:
        if isinstance(each, EmailMessage):
            message.add_attachment(each)
        else:
            message.add_attachment(each[1], maintype="application", subtype="octet-stream", filename=each[0])
    return message
