import hashlib
from pathlib import Path


def code_digest(package: Path) -> str:
    """One SHA-256 digest, as hexadecimal text, over every Python file of the package: its path and its bytes."""
    whole = hashlib.sha256()
    for file in sorted(package.rglob("*.py"), key=lambda each: each.relative_to(package).as_posix()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{content}  {file.relative_to(package).as_posix()}\n".encode())
    return whole.hexdigest()
