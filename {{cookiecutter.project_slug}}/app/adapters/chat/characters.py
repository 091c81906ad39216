"""Characters above U+FFFF that a server cut in two, as escapes of JSON."""

import re

_HALF = re.compile("[\ud800-\udfff]")


class HalfCharacters:
    """Joins the halves of characters in a text that arrives in pieces."""

    def __init__(self) -> None:
        self._first = ""

    def feed(self, text: str) -> str:
        if self._first and text:
            text, self._first = self._first + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._first = text[:-1], text[-1]
        return joined(text)

    def end(self) -> str:
        """The half that nothing followed."""
        return self._first


def joined(text: str) -> str:
    """The text with pairs of halves as the characters that they are; a single half stays."""
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
