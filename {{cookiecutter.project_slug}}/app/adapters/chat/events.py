from collections.abc import Iterator

LONGEST_EVENT = 256 * 1024
BOM = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    pass


class EventReader:
    """Puts server-sent events together from bytes cut anywhere. Work and memory do not grow with the
    stream. A line of JSON that lacks its `data:` is an event too: proxies put errors into streams like that.

    kind: the name of the event that came last, empty for most. comments: how many came so far.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._named = b""
        self._begun = False
        self.kind = b""
        self.comments = 0

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """The data of each event that is complete now. Errors: EventTooLong."""
        for line in self._lines(raw):
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if line.startswith(b"{"):
                yield from self._event()
                self._data = [line]
                yield from self._event()
            elif name == b"data":
                self._data.append(value)
            elif name == b"event":
                self._named = value
            elif not line:
                yield from self._event()
            elif not name:
                self.comments += 1

    def end(self) -> Iterator[bytes]:
        """An event whose closing blank line never came."""
        yield from self.feed(b"\n\n")

    def _lines(self, raw: bytes) -> list[bytes]:
        rest = self._rest + raw
        # The second half of a line's end may come with the next bytes.
        whole = rest[:-1] if rest.endswith(b"\r") else rest
        lines = whole.splitlines()
        self._rest = rest[len(whole) :]
        if lines and not whole.endswith((b"\n", b"\r")):
            self._rest = lines.pop() + self._rest
        if len(self._rest) > LONGEST_EVENT:
            raise EventTooLong
        if lines and not self._begun:
            self._begun, lines[0] = True, lines[0].removeprefix(BOM)
        return lines

    def _event(self) -> Iterator[bytes]:
        self.kind, self._named = self._named, b""
        data, self._data = b"\n".join(self._data).strip(), []
        if data:
            yield data
