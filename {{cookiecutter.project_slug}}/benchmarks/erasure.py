"""500 strings about one person in every store: how many are left after `app privacy erase`?

They are planted in documents (published, replaced, deleted and quarantined), answers, reviews, actions, tickets,
feedback, replies to repeated requests, jobs, evaluation results and reports, suites, key names and the audit log. The
erasure runs as a process of its own, which kill -9 ends at random moments, several times, and is then resumed. After
each kill the receipt may not say `done` while a string is left. Then everything is searched: a dump of all rows with
encoded values decoded, the files of the tables and indexes on the disk, the suites, the data folder, the export and the
logs. The files are read after a checkpoint that follows `app privacy vacuum --full`, which is repeated while one still
holds a string: it keeps rows that a transaction of a killed process may see. The write-ahead log is not searched; the
server overwrites it by and by. The audit chain, the sums of the ledger, the digests of releases and a bystander's
document must be as they were. A backup from before the erasure is restored at the end, and erased again by its
tombstones. Run with `python -m benchmarks.erasure [--seed N]`. Some minutes.
"""

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from app.core.audit import Verified
from app.core.embedded import Urls
from app.core.logging import configure_logging
from app.privacy.domain.requests import PrivacyContentNotFound, Selection
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import ROOT, arguments_of, client_of, fresh_database, write
from tests.privacy.planted import SUBJECT, Garden, data_files, dump, tools

FULL = {"documents": 100, "answers": 20, "others": 10}
SHORT = {"documents": 10, "answers": 3, "others": 2}
KILLS = 12
MAX_VACUUMS = 10
TENANT = "bench"
LEDGER = "select count(*), coalesce(sum(micro_usd), 0)::bigint from ledger"
RELEASES = "select count(*) from releases where id = encode(sha256(convert_to(manifest, 'UTF8')), 'hex')"
REQUEST = "select id, state from privacy_requests where kind = 'erase'"
PROGRESS = "select (select count(*) from jsonb_object_keys(counters)) from privacy_requests where kind = 'erase'"
SNAPSHOTS = """
    select count(*) from pg_stat_activity
    where (backend_xmin is not null or backend_xid is not null) and pid <> pg_backend_pid()
"""
SLOW = """
create function take_time() returns trigger language plpgsql as $$ begin perform pg_sleep(0.1); return new; end $$;
create trigger slow before update on privacy_requests for each row execute function take_time();
"""
CHARGE = """
    insert into ledger (id, tenant_id, at, kind, feature, provider, model, input_tokens, cached_tokens, output_tokens,
        reasoning_tokens, input_price, cached_price, output_price, call_price, price_table, micro_usd, environment)
    select gen_random_uuid(), %s, now(), 'charge', 'answers', 'p', 'm', 10, 0, 5, 0, 2, 0, 4, 0, repeat('0', 64), 40,
        'production' from generate_series(1, 25)
"""


async def main(seed: int, short: bool) -> None:
    configure_logging("ERROR", "console")
    chance = random.Random(seed)
    with fresh_database() as urls, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("policies", "prompts", "migrations", "evals", "docs"):
            shutil.copytree(ROOT / part, folder / part)
        settings = Settings(root=folder, data_dir=folder / "data", embedder="none", _env_file=None)
        async with build(settings, urls) as state, client_of(state, TENANT) as (client, tenant):
            garden = Garden(state, client, tenant, urls.owner, folder / "evals")
            await garden.plant(**(SHORT if short else FULL))
            garden.sql(CHARGE, tenant)
            result = await drill(garden, state, client, urls, folder, chance, 1 if short else KILLS)
    write("erasure", {"seed": seed, **result}, short)
    if result["left"] or result["half_erased_but_done"] or not result["verifiable"] or result["left_after_restore"]:
        sys.exit("Something was left, or what must stay verifiable is not.")


async def drill(
    garden: Garden, state: State, client: httpx.AsyncClient, urls: Urls, folder: Path, chance: random.Random, kills: int
) -> dict[str, Any]:
    planted = everywhere(garden, urls, folder)
    before = standing(urls)
    backup = folder / "backup.dump"
    backup.write_bytes(dump(urls.owner, "--format=custom"))
    began = time.monotonic()
    killed, half_done, log = erase_under_kills(garden, urls, folder, chance, kills)
    seconds = time.monotonic() - began
    backup_words = garden.found(dump_of_backup(backup))
    vacuums, in_files = 0, set(garden.words)
    while in_files and vacuums < MAX_VACUUMS:
        wait_for_snapshots(urls)
        run(folder, urls, "vacuum", "--full")
        in_files, vacuums = garden.found(data_files(urls.owner)), vacuums + 1
    left = everywhere(garden, urls, folder) | garden.found(log) | in_files
    receipts = run(folder, urls, "requests", "--tenant", TENANT)
    restored, reapplied = restore_and_reapply(garden, backup, urls, folder)
    return {
        "planted": len(garden.words),
        "found_before": len(planted),
        "planted_by_store": garden.by_store(set(garden.words)),
        "kills": killed,
        "half_erased_but_done": half_done,
        "left": len(left),
        "left_in_files_of_tables": len(in_files),
        "vacuums": vacuums,
        "left_by_store": garden.by_store(left),
        "exported_after": await exported(state, garden),
        "receipt_is_done": "done" in receipts,
        "verifiable": await verifiable(state) and standing(urls) == before,
        "bystander_is_served": await bystander(client),
        "erased_in_seconds": round(seconds, 1),
        "in_the_backup": len(backup_words | restored),
        "left_after_restore": len(reapplied),
    }


def everywhere(garden: Garden, urls: Urls, folder: Path) -> set[str]:
    """Words in the rows, the suites and the data folder."""
    files = [path for part in ("evals", "data") for path in (folder / part).rglob("*") if path.is_file()]
    return garden.found(dump(urls.owner)).union(*(garden.found(path.read_bytes()) for path in files))


def standing(urls: Urls) -> tuple[Any, ...]:
    with psycopg.connect(urls.owner) as connection:
        return (*connection.execute(LEDGER).fetchall(), *connection.execute(RELEASES).fetchall())


async def verifiable(state: State) -> bool:
    return isinstance(await state.audit.inspect(), Verified)


async def exported(state: State, garden: Garden) -> int:
    try:
        lines = state.privacy.export.export(garden.tenant, Selection("subject", SUBJECT), "bench", "a test of it")
        return len([line async for line in lines])
    except PrivacyContentNotFound:
        return 0


async def bystander(client: httpx.AsyncClient) -> bool:
    reply = await client.post("/v1/answers", json={"question": "When does the ferry over the Sarn leave?"})
    return "six" in reply.json()["text"]


def command(folder: Path, urls: Urls, *arguments: str) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DATABASE"))}
    names = {"DATABASE_URL": urls.service, "APP_DATABASE_OWNER_URL": urls.owner, "APP_EMBEDDER": "none"}
    places = {"APP_ROOT": str(folder), "APP_DATA_DIR": str(folder / "data"), "APP_LOG_LEVEL": "DEBUG", "COLUMNS": "300"}
    return subprocess.Popen(
        [sys.executable, "-m", "app", "privacy", *arguments],
        cwd=ROOT,
        env=kept | names | places,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def run(folder: Path, urls: Urls, *arguments: str) -> str:
    process = command(folder, urls, *arguments)
    output = process.communicate()[0].decode()
    assert process.returncode == 0, output
    return output


def erase_under_kills(
    garden: Garden, urls: Urls, folder: Path, chance: random.Random, kills: int
) -> tuple[int, int, bytes]:
    """Kills that hit a running erasure; receipts that said `done` too early; and all that the commands printed."""
    log, killed, half_done = b"", 0, 0
    arguments = ["erase", "--tenant", TENANT, "--subject", SUBJECT, "--reason", "request 17 of the data subject"]
    with psycopg.connect(urls.owner) as connection:
        connection.execute(SLOW)
    done: list[Any] = []
    while not done:
        process = command(folder, urls, *arguments)
        if killed < kills and wait_for_progress(urls, process, chance):
            process.kill()
            killed += 1
        log += process.communicate()[0]
        [[request, state]] = rows(urls, REQUEST)
        arguments = ["resume", str(request), "--tenant", TENANT]
        done = [state] if state == "done" else []
        assert done or killed <= kills, log.decode()
        half_done += bool(done and garden.found(dump(urls.owner)))
    return killed, half_done, log


def wait_for_progress(urls: Urls, process: subprocess.Popen[bytes], chance: random.Random) -> bool:
    """Until the process has done a few steps more; False when it ended before."""
    before, steps = rows(urls, PROGRESS), chance.randint(0, 3)
    while process.poll() is None:
        now = rows(urls, PROGRESS)
        if now and now[0][0] >= (before[0][0] if before else 0) + steps:
            time.sleep(chance.uniform(0, 0.2))
            return process.poll() is None
        time.sleep(0.01)
    return False


def wait_for_snapshots(urls: Urls) -> None:
    """A vacuum keeps rows that an open transaction may still see, such as that of a process that was just killed."""
    while rows(urls, SNAPSHOTS)[0][0]:
        time.sleep(0.1)


def rows(urls: Urls, query: str) -> list[Any]:
    with psycopg.connect(urls.owner) as connection:
        return connection.execute(query.encode()).fetchall()


def dump_of_backup(backup: Path) -> bytes:
    listed = [str(tools() / "pg_restore"), "--data-only", "--file=-", str(backup)]
    return subprocess.run(listed, capture_output=True, check=True).stdout


def restore_and_reapply(garden: Garden, backup: Path, urls: Urls, folder: Path) -> tuple[set[str], set[str]]:
    """Words in the restored database, before and after its tombstones are applied."""
    name = f"restored_{uuid4().hex[:12]}"
    database = urls.owner.partition("?")[0].rpartition("/")[2]
    restored = Urls(*(url.replace(f"/{database}", f"/{name}") for url in (urls.service, urls.owner)))
    administer(urls, f"create database {name}")
    try:
        arguments = ["--no-comments", f"--dbname={restored.owner}", str(backup)]
        subprocess.run([str(tools() / "pg_restore"), *arguments], capture_output=True, check=True)
        found = garden.found(dump(restored.owner))
        run(folder, restored, "reapply")
        return found, garden.found(dump(restored.owner))
    finally:
        administer(urls, f"drop database {name} with (force)")


def administer(urls: Urls, statement: str) -> None:
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        connection.execute(statement.encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=7, help="of the moments at which the processes are killed")
    options = arguments_of(parser)
    asyncio.run(main(options.seed, options.short))
