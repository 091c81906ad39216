"""Reads the folder of a prototype: a bounded number of bounded files, whatever bytes they hold."""

import codecs
import os
from collections.abc import Iterator
from pathlib import Path

from app.core.errors import Invalid
from app.core.files import printable
from app.core.text import clean
from app.governance.domain.adoption.adoption_map import AdoptionMap, make_map
from app.governance.domain.adoption.prototype import PrototypeFile

MAX_FILES, MAX_ENTRIES = 2000, 100_000
MAX_FILE_BYTES = 1_000_000
MAX_BYTES = 30_000_000
LEFT_OUT = frozenset(
    {
        *(".git", ".hg", ".svn", ".venv", "venv", "env", "node_modules", "site-packages"),
        *("__pycache__", ".ipynb_checkpoints", "dist", "build"),
    }
)


class PrototypeUnreadable(Invalid):
    code, title = "prototype_unreadable", "The folder of the prototype cannot be read"
    action = "Name a folder of this machine that you may read."


def adopt(folder: Path) -> AdoptionMap:
    """The map of a prototype. Links are not followed, and nothing runs. Errors: PrototypeUnreadable."""
    if folder.is_symlink() or not folder.is_dir():
        raise PrototypeUnreadable(f"{printable(str(folder))} is no folder.")
    files: list[PrototypeFile] = []
    skipped = total = 0
    for path in _paths(folder):
        file = _read(folder, path, total)
        if file is None or len(files) >= MAX_FILES:
            skipped += 1
            continue
        files.append(file)
        skipped += file.text is None and not _fits(file.size, total)
        total += file.size if file.text is not None else 0
    return make_map(printable(folder.resolve().name), files, skipped)


def _paths(folder: Path) -> Iterator[Path]:
    """Ordinary files, folder by folder in the order of their names, without what was installed or generated. A folder
    below that cannot be read is left out.
    """
    left, seen = [folder], 0
    while left:
        try:
            with os.scandir(left.pop()) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            if seen == 0:
                raise PrototypeUnreadable(f"{printable(str(folder))}: {error.strerror}.") from error
            continue
        below = []
        for entry in entries:
            seen += 1
            if seen > MAX_ENTRIES:
                raise PrototypeUnreadable(
                    f"{printable(str(folder))} holds more than {MAX_ENTRIES:,} files and folders."
                )
            if entry.is_file(follow_symlinks=False):
                yield Path(entry.path)
            elif entry.is_dir(follow_symlinks=False) and entry.name not in LEFT_OUT:
                below.append(Path(entry.path))
        left += reversed(below)


def _read(folder: Path, path: Path, total: int) -> PrototypeFile | None:
    """None for a file that cannot be read. A file that is too large, or is no text, has no text here."""
    name = printable(path.relative_to(folder).as_posix())
    try:
        size = path.lstat().st_size
        if not _fits(size, total):
            return PrototypeFile(name, size, None)
        with open(path, "rb", opener=_no_link) as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except OSError:
        return None
    return PrototypeFile(name, size, _text(content))


def _fits(size: int, total: int) -> bool:
    return size <= MAX_FILE_BYTES and total + size <= MAX_BYTES


def _text(content: bytes) -> str | None:
    """As the mark at its beginning says, which some editors and shells write; else UTF-8."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return clean(content.decode("utf-16", "replace"))
    return None if b"\0" in content else clean(content.decode("utf-8-sig", "replace"))


def _no_link(path: str, flags: int) -> int:
    """A file that became a link or a pipe since it was listed is not opened."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
