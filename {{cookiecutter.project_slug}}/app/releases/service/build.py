from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.code import code_digest
from app.core.database import Database
from app.releases import repository
from app.releases.domain import PRODUCTION, CodePin, Manifest, Prompt, PromptUnusable


def read_prompts(folder: Path) -> dict[str, Prompt]:
    """Every `*.md` of the folder, by its name without the suffix. One of the same name in `extensions` takes its place.

    Errors: PromptUnusable.
    """
    files = [*sorted(folder.glob("*.md")), *sorted((folder / "extensions").glob("*.md"))]
    prompts = {file.stem: Prompt.read(file.stem, file.read_bytes()) for file in files}
    if not prompts:
        raise PromptUnusable(f"There is no prompt in {folder}; put the *.md files there.")
    return prompts


def read_code(package: Path, version: str) -> CodePin:
    """The version and one digest over every Python file of the package: its path and its bytes."""
    return CodePin(version=version, digest=code_digest(package))


async def live_prices(database: Database) -> bytes | None:
    """The price table of the live release in production; None without one. Errors: DatabaseUnavailable."""
    async with database.read(None) as connection:
        pointer = await repository.pointer(connection, PRODUCTION)
        stored = await repository.find(connection, pointer.release_id) if pointer else None
        if stored is None:
            return None
        digest = Manifest.model_validate_json(stored.manifest).prices
        return (await repository.parts(connection, {digest})).get(digest)


async def releases_on(connection: AsyncConnection, index_id: UUID) -> list[int]:
    """Numbers of the releases that pin this index and are live, previous or a canary in an environment."""
    pinned = await repository.pinned(connection)
    return sorted(number for number, text in pinned if Manifest.model_validate_json(text).index.id == index_id)
