import hashlib
from collections.abc import Iterator
from pathlib import Path


def code_digest(package: Path) -> str:
    """The SHA-256 digest in hex of all files of the package by path and content: code, and what code reads, such as
    templates and coefficients. Hidden files and what Python compiled do not count.
    """
    digest = hashlib.sha256()
    for name, file in sorted(_sources(package)):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{content}  {name}\n".encode())
    return digest.hexdigest()


def _sources(package: Path) -> Iterator[tuple[str, Path]]:
    for file in package.rglob("*"):
        path = file.relative_to(package)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
        if not hidden and path.suffix != ".pyc" and file.is_file():
            yield path.as_posix(), file
