import hashlib
from pathlib import Path

SOURCES = ("*.py", "*.npz")


def code_digest(package: Path) -> str:
    """The SHA-256 digest in hex of all Python files of the package, and of the coefficients of its classifier, by path
    and content."""
    digest = hashlib.sha256()
    files = [file for pattern in SOURCES for file in package.rglob(pattern)]
    for file in sorted(files, key=lambda each: each.relative_to(package).as_posix()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{content}  {file.relative_to(package).as_posix()}\n".encode())
    return digest.hexdigest()
