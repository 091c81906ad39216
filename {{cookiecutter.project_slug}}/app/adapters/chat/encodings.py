"""The bytes of a reply, also where a server compresses them although it was asked not to."""

import zlib
from collections.abc import AsyncIterable

from app.llm.domain.errors import InvalidResponse

WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 47}
NO_HEADER = -15
PIECE_BYTES = 64 * 1024


class Body:
    """An iterator over the bytes of a reply. encoding: its header content-encoding. A piece that was compressed has at
    most PIECE_BYTES, however small it was before.

    Errors: InvalidResponse, for an encoding other than gzip and deflate and for what cannot be decompressed.
    """

    def __init__(self, stream: AsyncIterable[bytes], encoding: str | None) -> None:
        self._stream, self._decoder = stream, _decoder(encoding)
        self.resume()

    def resume(self) -> None:
        """Read on after a read was interrupted."""
        self._raw = aiter(self._stream)

    def __aiter__(self) -> "Body":
        return self

    async def __anext__(self) -> bytes:
        if self._decoder is None:
            return await anext(self._raw)
        while True:
            raw = self._decoder.rest or await anext(self._raw)
            if piece := self._decoder.feed(raw):
                return piece


class _Decoder:
    def __init__(self, encoding: str) -> None:
        self._may_lack_header = encoding == "deflate"
        self._bits = WINDOW_BITS[encoding]
        self._decompress = zlib.decompressobj(self._bits)

    def feed(self, raw: bytes) -> bytes:
        if self._decompress.eof:
            # Proxies that flush by ending a member begin another one.
            self._decompress = zlib.decompressobj(self._bits)
        try:
            piece = self._decompress.decompress(raw, PIECE_BYTES)
        except zlib.error as error:
            if not self._may_lack_header:
                raise InvalidResponse("the reply cannot be decompressed") from error
            self._may_lack_header, self._decompress = False, zlib.decompressobj(NO_HEADER)
            return self.feed(raw)
        self._may_lack_header = False
        return piece

    @property
    def rest(self) -> bytes:
        return self._decompress.unconsumed_tail or self._decompress.unused_data


def _decoder(header: str | None) -> _Decoder | None:
    encoding = (header or "identity").strip().lower()
    if encoding in ("identity", "none", "utf-8", ""):
        return None
    if encoding not in WINDOW_BITS:
        raise InvalidResponse("the reply has an encoding that was not asked for")
    return _Decoder(encoding)
