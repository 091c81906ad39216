"""How much the service needs, by answers per second and by documents, from the committed measurements."""

import json
import math
from pathlib import Path
from typing import Any

from reference_markdown import page, table

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"
ANSWERS = (10, 50, 200, 500)
CHUNKS = (10_000, 100_000, 500_000, 1_000_000)
BUSY = 0.7
"""Share of a core that is planned for; the rest is for peaks."""
WORDS_OF_A_CHUNK = 128
MODEL_SECONDS = 2
CONCURRENT = 64
"""Answers in progress that a process takes, as policies/security.yaml is shipped."""
POOL = 16
LISTENING = 6


def result(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def sizing_page() -> str:
    path, memory, ingest = result("hot_path")["connections_16"], result("ingest_memory"), result("ingest_throughput")
    scale = result("process_scale")
    waiting = scale["one_at_that_rate"]["api"] / scale["one_process"]["api"] - 1
    return page(
        "Sizing",
        "From measurements on two cores (`benchmarks/results`), shared by the service, the database and the callers. "
        "Ratios transfer better than absolute figures: measure on your machines with the commands on the page "
        "[Measurements](measurements.md).",
        "## By answers per second",
        f"An answer takes {path['api_cpu_ms']:.2f} ms of processor time in the API and {path['postgresql_cpu_ms']:.2f} "
        f"ms in PostgreSQL (`hot_path.json`, 16 connections, 10,000 chunks, without the bundled embedder). Cores are "
        f"planned to be {BUSY:.0%} busy. A process of the API uses one core. Answers in progress are those that a "
        f"model of {MODEL_SECONDS} s holds at that rate; each process takes {CONCURRENT}. A process that is busy about "
        f"half of the time takes {waiting:.0%} more for an answer than one that is always busy; two processes take "
        f"{scale['api_cpu_ratio']:.2f} times what one alone takes at the same rate (`process_scale.json`).",
        answers(
            path["api_cpu_ms"], path["postgresql_cpu_ms"], result("ingest_throughput")["embedder_cpu_ms_per_passage"]
        ),
        f"With the bundled embedder each new question costs up to {ingest['embedder_cpu_ms_per_passage']:.0f} ms more, "
        "as the last column counts it; a question is shorter than the passages that were measured, and a repeated one "
        "is cached.",
        "## By documents",
        f"A chunk has about {WORDS_OF_A_CHUNK} words. Disk is what the database grows by (`disk_use.json`), without "
        "original files, which take their own size once more, and without the write-ahead log. Hours are those of two "
        f"cores at {ingest['pipeline_per_second']:.0f} chunks a second (`ingest_throughput.json`).",
        documents(result("disk_use"), ingest["pipeline_per_second"], result("search_scale")["hybrid"]),
        "## Memory",
        f"A process with the bundled embedder takes {memory['idle_mb']} MB at rest, and {memory['peak_mb']} MB while "
        f"it reads the worst of the measured documents, {memory['characters'] / 1e6:.0f} million characters "
        "(`ingest_memory.json`); each further job of a worker adds the difference. The limits in `deploy/` leave room: "
        "1 GiB for an API, 1.5 GiB for a worker.",
        "## Connections to PostgreSQL",
        f"A process opens at most 2 x `APP_DATABASE_POOL` connections and up to {LISTENING} to listen: with the "
        f"default of {POOL} that is {2 * POOL + LISTENING}. `max_connections` must exceed the number of processes, "
        "those of a rolling replacement included, times that figure: 200 are enough for five.",
    )


def answers(api_ms: float, database_ms: float, embedder_ms: float) -> str:
    rows = []
    for rate in ANSWERS:
        api, database = (rate * each / 1000 / BUSY for each in (api_ms, database_ms))
        embedded = rate * (api_ms + embedder_ms) / 1000 / BUSY
        held = rate * MODEL_SECONDS
        processes = max(math.ceil(api), math.ceil(held / CONCURRENT))
        figures = (f"{api:.2f}", f"{database:.2f}", processes, held, f"{embedded:.1f}")
        rows.append((str(rate), *map(str, figures)))
    columns = ("answers per second", "cores of the API", "cores of PostgreSQL", "API processes", "answers in progress")
    return table((*columns, "cores of the API with the bundled embedder"), rows)


def documents(disk: Any, rate: float, search: Any) -> str:
    rows = []
    for chunks in CHUNKS:
        words, vectors = (disk[kind]["bytes_per_chunk"] * chunks / 1e9 for kind in ("words_alone", "words_and_vectors"))
        p95 = search.get(str(chunks), {}).get("p95_ms")
        hours = chunks / rate / 3600
        figures = (f"{words:.1f} GB", f"{vectors:.1f} GB", f"{hours:.1f}", f"{p95} ms" if p95 else "not measured")
        rows.append((f"{chunks:,}", *figures))
    columns = ("chunks", "disk, words alone", "disk, words and vectors", "hours to ingest")
    return table((*columns, "95 of 100 searches within"), rows)
