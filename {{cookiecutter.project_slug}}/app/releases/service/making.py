import hashlib
from pathlib import Path

from app.releases.domain import CodePin, Prompt, PromptUnusable


def read_prompts(folder: Path) -> dict[str, Prompt]:
    """Every `*.md` of the folder, by name without ending. Errors: PromptUnusable."""
    prompts = {file.stem: Prompt.read(file.stem, file.read_bytes()) for file in sorted(folder.glob("*.md"))}
    if not prompts:
        raise PromptUnusable(f"There is no prompt in {folder}; put the *.md files there.")
    return prompts


def read_code(package: Path, version: str) -> CodePin:
    """The version and one digest over every Python file of the package: its path and its bytes."""
    whole = hashlib.sha256()
    for file in sorted(package.rglob("*.py"), key=lambda each: each.relative_to(package).as_posix()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{content}  {file.relative_to(package).as_posix()}\n".encode())
    return CodePin(version=version, digest=whole.hexdigest())
