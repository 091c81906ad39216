from collections.abc import Iterator

LONGEST_EVENT = 256 * 1024


class EventTooLong(ValueError):
    pass


class EventReader:
    """Puts server-sent events together from bytes cut anywhere. Work and memory do not grow with the
    stream.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """The data of each event that is complete now. Errors: EventTooLong."""
        lines = (self._rest + raw).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LONGEST_EVENT:
            raise EventTooLong
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                yield b"\n".join(self._data)
                self._data = []

    def end(self) -> Iterator[bytes]:
        """An event whose closing blank line never came."""
        yield from self.feed(b"\n\n")
