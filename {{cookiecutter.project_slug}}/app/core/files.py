"""Files that a person names at the command line: found, opened and read without waiting, each with its own fault."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_READS = 3
_SPECIAL = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to be read. uri: its path below the folder that was named."""

    path: Path
    uri: str


class FileUnreadable(Exception):
    """Why one file, or one folder, cannot be read, and what to do; `name` may be shown anywhere."""

    def __init__(self, name: str, detail: str, action: str) -> None:
        super().__init__(f"{printable(name)}: {detail} {action}")
        self.name = printable(name)
        self.detail = detail
        self.action = action


def printable(name: str) -> str:
    """A file name on one line of any terminal: what is no text, or would move the cursor, is shown as an escape."""
    try:
        name = os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeError:
        name = name.encode("utf-8", "backslashreplace").decode()
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in name)


def find(paths: Iterable[Path]) -> Iterator[FoundFile | FileUnreadable]:
    """Every file that was named, or lies below a folder that was, in order; and what is there and no file to read.

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
    waiting = [top]
    while waiting:
        path = waiting.pop()
        uri = path.relative_to(top).as_posix()
        try:
            mode = os.lstat(path).st_mode
            if path == top or stat.S_ISDIR(mode):
                names = sorted((name for name in os.listdir(path) if not name.startswith(".")), reverse=True)
                waiting += [path / name for name in names]
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


def read(file: FoundFile, most: int) -> bytes:
    """The whole file, as it was at one moment. Errors: FileUnreadable, also when it is larger than `most`."""
    for _ in range(_READS):
        try:
            data = _read(file, most)
        except OSError as error:
            raise _fault(file.uri, error) from error
        if data is not None:
            return data
    raise FileUnreadable(file.uri, "It changed while it was read.", "Run it again once nothing writes to it any more.")


def _read(file: FoundFile, most: int) -> bytes | None:
    """None when somebody wrote to the file meanwhile. Never waits: what is now a pipe is not opened for long."""
    with open(os.open(file.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb") as raw:
        before = os.fstat(raw.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise _special(file.uri, before.st_mode)
        if before.st_size > most:
            detail = f"The file has {before.st_size:,} bytes; {most:,} is the most."
            raise FileUnreadable(file.uri, detail, "Split the file, or raise the limit in policies/.")
        data = raw.read(most + 1)
        after = os.fstat(raw.fileno())
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return data if same and len(data) == after.st_size else None


def _fault(name: str, error: OSError | ValueError) -> FileUnreadable:
    known = {
        FileNotFoundError: ("There is no such file or folder.", "Correct the name; a link may point to nothing."),
        PermissionError: ("It may not be read.", "Give this user permission to read it."),
        NotADirectoryError: ("There is no such file or folder.", "Correct the name."),
    }
    for kind, (detail, action) in known.items():
        if isinstance(error, kind):
            return FileUnreadable(name, detail, action)
    why = error.strerror if isinstance(error, OSError) and error.strerror else "the name holds a NUL"
    return FileUnreadable(
        name, f"It cannot be read: {why}.", "Correct the name, the link or the disk, and run it again."
    )
