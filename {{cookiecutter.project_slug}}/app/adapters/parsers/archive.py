"""Checks of an archive's directory, before anything is unpacked."""

import re
import zipfile
import zlib
from io import BytesIO
from pathlib import PurePosixPath

from app.ingestion.domain.parsed_document import Unparsable

MAX_ENTRIES = 2_000
MAX_UNPACKED = 64_000_000
MAX_RATIO = 200
_SMALL = 1_000_000

EXTERNAL = re.compile(rb"<!\s*ENTITY[^>]*\b(?:SYSTEM|PUBLIC)\b", re.IGNORECASE)
"""An XML entity that refers to a file or a URL."""

CORRUPT = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError)
"""What reading an entry of a damaged archive raises."""


def open_names(data: bytes) -> list[str]:
    """The names of the entries. Errors: Unparsable when the archive has no readable directory."""
    return [entry.filename for entry in _entries(data)]


def check_archive(data: bytes) -> None:
    """Errors: Unparsable for too many entries, too much content, too high a compression ratio, or an unsafe path."""
    entries = _entries(data)
    if any(_is_unsafe(entry.filename) for entry in entries):
        raise Unparsable("archive_unsafe_path", "The archive contains a path that leads outside of it.")
    if len(entries) > MAX_ENTRIES:
        raise Unparsable("archive_bomb", f"The archive has {len(entries):,} entries; {MAX_ENTRIES:,} is the limit.")
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    if unpacked > MAX_UNPACKED or (unpacked > _SMALL and unpacked > MAX_RATIO * packed):
        raise Unparsable(
            "archive_bomb", f"The archive would grow from {len(data):,} to {unpacked:,} bytes when unpacked."
        )
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise Unparsable("encrypted", "The archive is protected by a password.")


def _entries(data: bytes) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Unparsable("unreadable", "The file starts like an archive but has no readable directory.") from error


def _is_unsafe(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in name[:3]
