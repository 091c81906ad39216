"""A restore drill: how long a backup takes, a restore, and the proof that everything is there again.

Documents are uploaded and published, questions are answered, and the database is backed up while answers go on. Then it
is dropped, made anew and restored; every row is compared, the audit chain recomputed, every release loaded, every
original file decrypted. Run with `python -m benchmarks.restore_drill [--documents 2000]`. Two minutes.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from app.backup.service import RestoreTarget, Verification, create, open_backup, restore
from app.core.embedded import Urls, start_embedded
from app.core.logging import configure_logging
from app.settings import Settings
from app.wiring import build
from benchmarks.harness import ROOT, arguments_of, client_of, fresh_database, work_off, write

QUESTIONS = 20
PARAGRAPHS = 12


def page(number: int) -> bytes:
    lines = [f"# Station {number}", ""]
    for part in range(PARAGRAPHS):
        lines.append(
            f"Station {number} keeps its log of day {part} in drawer {number * 7 + part}. The keeper writes the wind, "
            f"the number of ships and the oil that was burnt, {part * 3 + number} litres, and signs with a red pen."
        )
        lines.append("")
    return "\n".join(lines).encode()


async def main(documents: int, short: bool) -> None:
    configure_logging("ERROR", "console")
    with fresh_database() as urls, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(root=ROOT, data_dir=folder / "data", embedder="none", _env_file=None)
        async with build(settings, urls) as state, client_of(state) as (client, _):
            for start in range(0, documents, 20):
                files = [("files", (f"{n}.md", page(n))) for n in range(start, min(start + 20, documents))]
                (await client.post("/v1/documents", files=files)).raise_for_status()
            await work_off(state)
            for number in range(QUESTIONS):
                body = {"question": f"Where does station {number} keep its log?"}
                (await client.post("/v1/answers", json=body)).raise_for_status()
            result = await drill(settings, urls, folder)
    write("restore_drill", {"documents": documents, **result}, short)
    if not result["verified"]:
        sys.exit("The restored database is not verified.")


async def drill(settings: Settings, urls: Urls, folder: Path) -> dict[str, Any]:
    seconds: dict[str, float] = {}
    began = time.monotonic()

    def lap(step: str) -> None:
        nonlocal began
        seconds[step] = round(time.monotonic() - began, 2)
        began = time.monotonic()

    create(folder / "backup", urls.owner, lambda done, total: None)
    lap("back_up")
    manifest = open_backup(folder / "backup")
    lap("check")
    with empty_database(folder) as restored:
        began = time.monotonic()
        restore(folder / "backup", manifest, RestoreTarget(restored, restored.owner, ROOT), lambda done, total: None)
        lap("restore_and_compare")
        async with build(settings, restored) as state:
            proof = await Verification(state.audit, state.releases, state.privacy).verify(manifest)
        lap("verify")
    return {
        "rows": manifest.facts.rows,
        "tables": len(manifest.facts.tables),
        "database_megabytes": size_of(urls),
        "backup_megabytes": round(manifest.bytes / 1e6, 1),
        "seconds": seconds,
        "megabytes_per_second_of_restore": round(size_of(urls) / max(seconds["restore_and_compare"], 0.01), 1),
        "original_files_read": proof.originals,
        "audit_lines": proof.audit_lines,
        "verified": proof.originals > 0 and proof.audit_lines == manifest.facts.audit_sequence,
    }


def size_of(urls: Urls) -> float:
    with psycopg.connect(urls.owner) as connection:
        row = connection.execute("select pg_database_size(current_database()) / 1e6").fetchone()
    return round(float(row[0]), 1) if row else 0.0


@contextmanager
def empty_database(folder: Path) -> Iterator[Urls]:
    """On a server of its own, as after the loss of the old one."""
    server = start_embedded(folder / "other")
    try:
        yield server.urls(f"restored_{uuid4().hex[:12]}")
    finally:
        server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, default=2000)
    options = arguments_of(parser)
    asyncio.run(main(10 if options.short else options.documents, options.short))
