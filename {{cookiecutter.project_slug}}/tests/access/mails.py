"""Messages of the access test: each has an attachment, and a message with an attachment of its own."""

from collections.abc import Sequence

from tests.mails import message


def message_about(place: str, words: Sequence[str], damage: bytes) -> bytes:
    """words: one for each text. damage: bytes for which the attachment is quarantined, or none."""
    body, attached, inner, deep = (_sentence(place, word) for word in words)
    within = message(f"Notes within {place}", inner, ("deep.txt", deep.encode()))
    return bytes(message(f"Notes on {place} {words[0]}", body, ("code.txt", attached.encode() + damage), within))


def _sentence(place: str, word: str) -> str:
    return f"The code of {place} is {word}. It was another one before."
