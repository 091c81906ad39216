from collections.abc import Iterator

MAX_EVENT_BYTES = 256 * 1024
PINGS = frozenset((b"ping", b"heartbeat", b"keepalive", b"keep-alive", b"keep_alive", b"processing"))
"""Names or data of events that keep a connection open."""
BOM = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    pass


class EventReader:
    """Parses server-sent events from bytes that are split anywhere, in constant memory. A line of JSON without
    its `data:` is an event too: proxies insert errors like that.

    kind: the name of the last event, mostly empty. comments: the number of comments and pings so far; they are no
    events.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._name = b""
        self._started = False
        self.kind = b""
        self.comments = 0

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """The data of each event that these bytes complete. Errors: EventTooLong."""
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
                self._name = value
            elif not line:
                yield from self._event()
            elif not name:
                self.comments += 1

    def end(self) -> Iterator[bytes]:
        """The last event, if its closing blank line is missing."""
        yield from self.feed(b"\n\n")

    def _lines(self, raw: bytes) -> list[bytes]:
        rest = self._rest + raw
        # The \n of a \r\n may come with the next bytes.
        complete = rest[:-1] if rest.endswith(b"\r") else rest
        lines = complete.splitlines()
        self._rest = rest[len(complete) :]
        if lines and not complete.endswith((b"\n", b"\r")):
            self._rest = lines.pop() + self._rest
        if len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLong
        if lines and not self._started:
            self._started, lines[0] = True, lines[0].removeprefix(BOM)
        return lines

    def _event(self) -> Iterator[bytes]:
        self.kind, self._name = self._name, b""
        data, self._data = b"\n".join(self._data).strip(), []
        if self.kind.lower() in PINGS or data.strip(b"[]").lower() in PINGS:
            self.comments += 1
        elif data:
            yield data
