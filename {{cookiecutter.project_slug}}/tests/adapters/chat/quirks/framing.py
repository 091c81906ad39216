"""How the bytes of a reply are cut, marked, compressed and interspersed."""

import orjson

from app.llm.domain.errors import InvalidResponse, StreamInterrupted
from tests.adapters.chat.quirks.provider import (
    EVENTS,
    GOOD,
    HELLO,
    LAST,
    STOP,
    Gives,
    Quirk,
    events,
    piece,
    reply,
    sent,
    streamed,
)

FINE = Gives()
_INDENTED = orjson.dumps(piece("Good day.", "stop"), option=orjson.OPT_INDENT_2).decode()

QUIRKS = (
    Quirk(
        "OpenRouter",
        "comments while the model waits",
        FINE,
        (sent(b"\n   \n" + GOOD.body),),
        (streamed(": OPENROUTER PROCESSING", ": OPENROUTER PROCESSING", *HELLO, STOP, LAST),),
    ),
    Quirk(
        "DeepSeek",
        "empty lines or keep-alive comments while the request is queued",
        FINE,
        (sent(b"\n\n\n\n" + GOOD.body, framing="chunked", size=3),),
        (streamed(": keep-alive", "", *HELLO, ": keep-alive", STOP, LAST),),
    ),
    Quirk(
        "Anthropic",
        "pings as events of their own",
        FINE,
        stream=(streamed('event: ping\ndata: {"type": "ping"}', *HELLO, "event: ping\ndata:", STOP, LAST),),
    ),
    Quirk(
        "a proxy",
        "heartbeats that are not JSON",
        FINE,
        stream=(streamed("data: [HEARTBEAT]", "event: heartbeat\ndata: 1", *HELLO, "data: ping", STOP, LAST),),
    ),
    Quirk(
        "a proxy",
        "ids, retry times and names of events",
        FINE,
        stream=(
            streamed(
                "retry: 3000",
                "id: 1\nevent: message\ndata: " + orjson.dumps(HELLO[1]).decode(),
                "id: 2\nevent: completion.chunk\ndata: " + orjson.dumps(HELLO[2]).decode(),
                STOP,
                LAST,
            ),
        ),
    ),
    Quirk(
        "TGI",
        "no space after data: and no [DONE]",
        FINE,
        stream=(streamed(*(b"data:" + orjson.dumps(each) for each in (*HELLO, STOP, LAST)), done=""),),
    ),
    Quirk("NVIDIA NIM", "lines that end with CR LF", FINE, stream=(streamed(*HELLO, STOP, LAST, end="\r\n\r\n"),)),
    Quirk("a proxy", "lines that end with CR", FINE, stream=(streamed(*HELLO, STOP, LAST, end="\r\r"),)),
    Quirk("a proxy", "one newline between events", FINE, stream=(streamed(*HELLO, STOP, LAST, end="\n"),)),
    Quirk(
        "a proxy",
        "no blank line after the last event",
        FINE,
        stream=(sent(events(*HELLO, STOP, LAST, done="").rstrip(), kind=EVENTS, framing="close"),),
    ),
    Quirk(
        "a proxy",
        "a byte order mark",
        FINE,
        (sent(b"\xef\xbb\xbf" + GOOD.body),),
        (sent(b"\xef\xbb\xbf" + events(*HELLO, STOP, LAST), kind=EVENTS, framing="chunked", size=1),),
    ),
    Quirk(
        "a proxy",
        "one event on several data lines",
        FINE,
        stream=(streamed("data: " + _INDENTED.replace("\n", "\ndata: "), LAST),),
    ),
    Quirk(
        "LiteLLM",
        "bytes that are cut within characters",
        Gives("Grüß Gott 🌞."),
        stream=(streamed(piece("Grüß Gott 🌞."), STOP, LAST, size=1),),
    ),
    Quirk("LM Studio", "a whole reply to a request for a stream", FINE, stream=(GOOD,)),
    Quirk(
        "a gateway",
        "a whole reply to a request for a stream, called a stream",
        FINE,
        stream=(sent(GOOD.body, kind=EVENTS, framing="close"),),
    ),
    Quirk("a gateway", "a whole reply in the only event of a stream", FINE, stream=(streamed(reply()),)),
    Quirk("a gateway", "a stream to a plain request", FINE, (streamed(": hi", *HELLO, STOP, LAST),)),
    Quirk(
        "a gateway",
        "chunks as lines of JSON",
        FINE,
        stream=(sent(b"".join(orjson.dumps(each) + b"\n" for each in (*HELLO, STOP, LAST)), framing="close"),),
    ),
    Quirk(
        "Cloudflare",
        "gzip that nobody asked for",
        FINE,
        (sent(GOOD.body, encoding="gzip"),),
        (streamed(*HELLO, STOP, LAST, encoding="gzip"),),
    ),
    Quirk(
        "a proxy",
        "deflate that nobody asked for",
        FINE,
        (sent(GOOD.body, encoding="deflate"),),
        (streamed(*HELLO, STOP, LAST, encoding="deflate"),),
    ),
    Quirk(
        "a proxy",
        "deflate without its header",
        FINE,
        (sent(GOOD.body, encoding="bare deflate", size=5),),
        (streamed(*HELLO, STOP, LAST, encoding="bare deflate"),),
    ),
    Quirk(
        "a proxy",
        "an encoding that cannot be read",
        Gives(failure=InvalidResponse),
        (sent(GOOD.body, headers={"content-encoding": "br"}),),
        (streamed(*HELLO, STOP, headers={"content-encoding": "br"}),),
    ),
    Quirk(
        "a proxy",
        "bytes that are not the gzip they are called",
        Gives(failure=InvalidResponse),
        (sent(GOOD.body, headers={"content-encoding": "gzip"}),),
        (streamed(*HELLO, STOP, headers={"content-encoding": "gzip"}),),
    ),
    Quirk(
        "Together",
        "chunks after [DONE]",
        FINE,
        stream=(streamed(*HELLO, STOP, LAST, "data: [DONE]", piece(" And more."), {"error": {"code": 500}}),),
    ),
    Quirk("a proxy", "another spelling of [DONE]", FINE, stream=(streamed(*HELLO, STOP, LAST, done='data: "[done]"'),)),
    Quirk("Ollama", "no finish reason before [DONE]", FINE, stream=(streamed(*HELLO, LAST),)),
    Quirk(
        "a proxy",
        "the end of the connection before any finish reason",
        Gives(failure=StreamInterrupted),
        stream=(streamed(*HELLO, done=""),),
    ),
    Quirk("a proxy", "nothing at all", Gives(failure=InvalidResponse), (sent(b""),), (sent(b"", kind=EVENTS),)),
    Quirk(
        "a proxy",
        "no content, by status 204",
        Gives(failure=InvalidResponse),
        (sent(b"", 204, framing="close"),),
        (sent(b"", 204, framing="close"),),
    ),
    Quirk(
        "a gateway", "status 201 for a reply", FINE, (sent(reply(), 201),), (streamed(*HELLO, STOP, LAST, status=201),)
    ),
    Quirk(
        "a proxy",
        "a page with status 200",
        Gives(failure=InvalidResponse),
        (sent(b"<!DOCTYPE html><p>Sign in</p>", kind="text/html"),),
        (sent(b"<!DOCTYPE html>\n<p>Sign in</p>\n", kind="text/html"),),
    ),
    Quirk(
        "a gateway", "half of a reply", Gives(failure=InvalidResponse), (sent(GOOD.body[:90]),), (sent(GOOD.body[:90]),)
    ),
)
