"""The process in which files are parsed: it has no access to data, may die at any time, and uses standard streams."""

import contextlib
import json
import logging
import os
import signal
import sys
from importlib import import_module
from typing import Any, BinaryIO

from app.adapters.parsers.child_protocol import REPLY, REQUEST, encoded
from app.adapters.parsers.dispatch import parse
from app.adapters.parsers.file_format import add_formats
from app.ingestion.domain.parsed_document import Unparsable


def main() -> None:
    logging.disable(logging.CRITICAL)
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    memory = int(sys.argv[1])
    for module in sys.argv[2:]:
        add_formats(import_module(module).FORMATS)
    limits = _Limits(memory)
    replies.write(REPLY.pack(0))
    replies.flush()
    while header := requests.read(REQUEST.size):
        length, size = REQUEST.unpack(header)
        request = json.loads(requests.read(length))
        data = requests.read(size)
        if len(data) < size:
            return
        limits.allow_seconds(request["seconds"])
        reply = _reply(data, request)
        reply["tired"] = reply.get("tired", False) or limits.grown()
        body = json.dumps(reply).encode()
        limits.allow_seconds(0)
        _send(replies, body)


def _send(replies: BinaryIO, body: bytes) -> None:
    replies.write(REPLY.pack(len(body)) + body)
    replies.flush()


def _reply(data: bytes, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return encoded(parse(data, request["name"], repair=request["repair"]))
    except Unparsable as error:
        return _refusal(error.code, error.detail)
    except MemoryError:
        return _refusal("parser_memory", "Reading the file takes more memory than allowed.", tired=True)
    except RecursionError:
        return _refusal("nested_too_deep", "The file is nested too deeply.", tired=True)
    except Exception as error:
        return _refusal("unreadable", f"The file cannot be read ({type(error).__name__}).", tired=True)


def _refusal(code: str, detail: str, *, tired: bool = False) -> dict[str, Any]:
    """A reply that the file cannot be parsed. tired: the process should not be used again."""
    return {"code": code, "detail": detail, "tired": tired}


class _Limits:
    """Limits on this process, beyond what Python and the parsers use. Systems without them have the time-out only."""

    def __init__(self, memory: int) -> None:
        self.base = _address_space()
        self.memory = memory
        with contextlib.suppress(AttributeError):
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
        with contextlib.suppress(ImportError, ValueError, OSError):
            import resource

            if self.base:
                resource.setrlimit(resource.RLIMIT_AS, (self.base + memory, self.base + memory))
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def allow_seconds(self, seconds: float) -> None:
        """Set the limit of CPU time, after which SIGPROF ends the process. seconds: 0 for no limit."""
        with contextlib.suppress(AttributeError, ValueError, OSError):
            signal.setitimer(signal.ITIMER_PROF, seconds)

    def grown(self) -> bool:
        return bool(self.base) and _address_space() > self.base + self.memory // 3


def _address_space() -> int:
    """In bytes; 0 where the system does not report it."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
