"""Files named at the command line: found, opened and read without blocking, each with its own error."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_ATTEMPTS = 3
_SPECIAL = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to read. uri: its path relative to the folder that was named."""

    path: Path
    uri: str


class FileUnreadable(Exception):
    """One file or folder that cannot be read: why, and what to do. `name` is safe to print."""

    def __init__(self, name: str, detail: str, action: str) -> None:
        super().__init__(f"{printable(name)}: {detail} {action}")
        self.name = printable(name)
        self.detail = detail
        self.action = action


def printable(name: str) -> str:
    """A file name on one line of any terminal: undecodable bytes and control characters are escaped."""
    try:
        name = os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeError:
        name = name.encode("utf-8", "backslashreplace").decode()
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in name)


def find(paths: Iterable[Path]) -> Iterator[FoundFile | FileUnreadable]:
    """Every file that was named or lies below a named folder, in order, and an error for each that is no readable file.

    Names that begin with a dot are left out below a folder. Links to files are followed, links to folders are not.
    """
    for path in paths:
        try:
            mode = os.stat(path).st_mode
        except (OSError, ValueError) as error:
            yield _fault(str(path), error)
            continue
        if stat.S_ISDIR(mode):
            yield from _below(path)
        else:
            yield _file(path, path.name, str(path), mode)


def _below(top: Path) -> Iterator[FoundFile | FileUnreadable]:
    pending = [top]
    while pending:
        path = pending.pop()
        uri = path.relative_to(top).as_posix()
        try:
            mode = os.lstat(path).st_mode
            if path == top or stat.S_ISDIR(mode):
                names = sorted((name for name in os.listdir(path) if not name.startswith(".")), reverse=True)
                pending += [path / name for name in names]
                continue
            if stat.S_ISLNK(mode):
                mode = os.stat(path).st_mode
        except OSError as error:
            yield _fault(uri, error)
            continue
        yield _file(path, uri, uri, mode)


def _file(path: Path, uri: str, name: str, mode: int) -> FoundFile | FileUnreadable:
    if stat.S_ISREG(mode):
        return FoundFile(path, uri)
    if stat.S_ISDIR(mode):
        return FileUnreadable(name, "It is a link to a folder, and such links are not followed.", "Name that folder.")
    return _special(name, mode)


def _special(name: str, mode: int) -> FileUnreadable:
    what = next((words for test, words in _SPECIAL if test(mode)), "no regular file")
    return FileUnreadable(name, f"It is {what}, not a file.", "Save what it gives to a file, and name that.")


def read(file: FoundFile, max_bytes: int) -> bytes:
    """The content of a file at one point in time. Errors: FileUnreadable, also when it is larger than `max_bytes`."""
    for _ in range(_ATTEMPTS):
        try:
            data = _read(file, max_bytes)
        except OSError as error:
            raise _fault(file.uri, error) from error
        if data is not None:
            return data
    raise FileUnreadable(file.uri, "It changed while it was read.", "Run it again when nothing writes to the file.")


def _read(file: FoundFile, max_bytes: int) -> bytes | None:
    """The content; None when the file changed while it was read. Never blocks on a pipe."""
    with open(os.open(file.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as raw:
        before = os.fstat(raw.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise _special(file.uri, before.st_mode)
        if before.st_size > max_bytes:
            detail = f"The file has {before.st_size:,} bytes; {max_bytes:,} is the limit."
            raise FileUnreadable(file.uri, detail, "Split the file, or raise the limit in policies/.")
        data = raw.read(max_bytes + 1)
        after = os.fstat(raw.fileno())
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return data if same and len(data) == after.st_size else None


def _fault(name: str, error: OSError | ValueError) -> FileUnreadable:
    messages = {
        FileNotFoundError: ("There is no such file or folder.", "Correct the name; a link may point to nothing."),
        PermissionError: ("It may not be read.", "Give this user permission to read it."),
        NotADirectoryError: ("There is no such file or folder.", "Correct the name."),
    }
    for kind, (detail, action) in messages.items():
        if isinstance(error, kind):
            return FileUnreadable(name, detail, action)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "the name contains a NUL"
    return FileUnreadable(
        name, f"It cannot be read: {reason}.", "Correct the name, the link or the disk, and run it again."
    )
