import hashlib
from pathlib import Path


def code_digest(package: Path) -> str:
    """The SHA-256 digest in hex of all Python files of the package, by path and content."""
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py"), key=lambda each: each.relative_to(package).as_posix()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{content}  {file.relative_to(package).as_posix()}\n".encode())
    return digest.hexdigest()
