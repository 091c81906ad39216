"""A load test with the budgets of policies/slo.yaml, as ratios to what the same run measures at its start.

One caller, then the capacity over sixteen connections, then half of it and several times of it in an open loop.
`make load` runs it on this working tree with a stand-in for the model; with `--url` and `--key` it tests a running
service, whose questions are in `--questions`, one a line.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.core.policies import load_policies
from app.core.slo import LoadTestPolicy, SloPolicy
from app.settings import Settings
from app.wiring import POLICIES, build
from benchmarks.harness import ROOT, arguments_of, fresh_database, house, write
from benchmarks.hot_path import PRICE, fill
from benchmarks.load_driver import Group, Plan, Replies, drive
from benchmarks.overload import KEYS, Size, recovery, serving
from benchmarks.processes import running

CONNECTIONS = 16
SETTLE = 0.5
"""Seconds after the last request in which the service comes to rest."""


@dataclass(frozen=True)
class Figures:
    """alone_ms_p50: of one caller. The ratios are those of LoadTestPolicy; None: nothing came."""

    alone_ms_p50: float
    capacity_per_second: float
    capacity_ms_p50: float
    half_load_ratio: float | None
    goodput: float
    refused: int
    refusal_ratio: float | None
    recovery_seconds: float | None
    failed: int


def over_budget(figures: Figures, budget: LoadTestPolicy) -> list[str]:
    """A sentence for each budget that is not kept."""
    found = []
    if figures.failed:
        found.append(f"{figures.failed} requests failed, and none may")
    if figures.half_load_ratio is None or figures.half_load_ratio > budget.half_load_ratio:
        found.append(f"half_load_ratio is {figures.half_load_ratio}, and at most {budget.half_load_ratio} is allowed")
    if figures.goodput < budget.goodput:
        found.append(f"goodput is {figures.goodput}, and at least {budget.goodput} is wanted")
    if figures.refusal_ratio is not None and figures.refusal_ratio > budget.refusal_ratio:
        found.append(f"refusal_ratio is {figures.refusal_ratio}, and at most {budget.refusal_ratio} is allowed")
    if figures.recovery_seconds is None or figures.recovery_seconds > budget.recovery_seconds:
        seconds = "longer than the run" if figures.recovery_seconds is None else figures.recovery_seconds
        found.append(f"recovery_seconds is {seconds}, and at most {budget.recovery_seconds} is allowed")
    return found


@dataclass(frozen=True)
class Target:
    """A service to test. keys: of its callers."""

    host: str
    port: int
    keys: list[str]
    questions: list[str]

    async def in_a_loop(self, callers: int, seconds: float) -> Replies:
        return await self._drive(Group("all", self.keys, callers=callers, seconds=seconds, roaming=True))

    async def open_loop(self, *phases: tuple[float, float]) -> Replies:
        return await self._drive(Group("all", self.keys, list(phases)))

    async def _drive(self, group: Group) -> Replies:
        replies, _ = await drive(Plan(self.port, self.questions, [group], self.host))
        await asyncio.sleep(SETTLE)
        return replies["all"]


async def measure(target: Target, size: Size, policy: SloPolicy) -> Figures:
    budget = policy.load_test
    alone = await target.in_a_loop(1, size.seconds)
    await target.in_a_loop(CONNECTIONS, size.seconds)  # warms up
    full = await target.in_a_loop(CONNECTIONS, size.seconds)
    capacity = len(full.answered) / size.seconds
    half = await target.open_loop((size.calm, capacity / 2))
    crowd = await target.open_loop((size.crowded, capacity * budget.overload), (size.calm, capacity / 2))
    good = [each for each in crowd.ended_between(0, size.crowded).answered if each <= policy.deadline_seconds]
    alone_ms, full_ms = alone.ms(alone.answered, 0.5) or 0.0, full.ms(full.answered, 0.5) or 0.0
    refused = crowd.seconds(503)
    return Figures(
        alone_ms,
        round(capacity, 1),
        full_ms,
        _ratio(half.ms(half.answered, 0.95), alone_ms),
        round(len(good) / size.crowded / capacity, 3) if capacity else 0.0,
        len(refused),
        _ratio(crowd.ms(refused, 0.5), full_ms),
        recovery(crowd, half, size.crowded, size.calm),
        sum(each.failed for each in (alone, full, half, crowd)),
    )


def _ratio(these: float | None, of: float) -> float | None:
    return round(these / of, 2) if these is not None and of else None


@asynccontextmanager
async def own_service(size: Size) -> AsyncIterator[Target]:
    """This working tree over a fresh database, with a stand-in for the model."""
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), PRICE)
        settings = Settings(root=home, data_dir=home, embedder="none", _env_file=None)
        async with build(settings, urls) as state:
            tenant = await state.identity.ensure_tenant("load")
            keys = [(await state.identity.create_key(tenant, f"load {n}", ["user"])).text for n in range(KEYS)]
            questions = await fill(state, tenant, size.chunks)
            async with (
                running("app.adapters.chat.standin") as (_, model_port),
                serving(home, urls.service, model_port, size, brownout=True) as (_, port),
            ):
                yield Target("127.0.0.1", port, keys, questions)


@asynccontextmanager
async def running_service(url: str, keys: Sequence[str], questions: Sequence[str]) -> AsyncIterator[Target]:
    address = urlsplit(url)
    if address.scheme != "http" or not address.hostname:
        sys.exit("--url must read http://host:port: the driver speaks plain HTTP, behind the proxy.")
    yield Target(address.hostname, address.port or 80, list(keys), list(questions))


async def main(options: argparse.Namespace, asked: Sequence[str]) -> None:
    size = Size(0.3, 0.6, 0.6, chunks=50) if options.short else Size(options.seconds, options.seconds, 6.0)
    policy = load_policies(ROOT / "policies", POLICIES).get(SloPolicy)
    target = running_service(options.url, options.key, asked) if options.url else own_service(size)
    async with target as service:
        figures = await measure(service, size, policy)
    write("load_test", asdict(figures), short=True)  # a test of this tree, not a measurement to publish
    if (broken := over_budget(figures, policy.load_test)) and not options.short:
        sys.exit(f"policies/slo.yaml, load_test: {'; '.join(broken)}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=Size.seconds)
    parser.add_argument("--url", help="a running service, such as http://127.0.0.1:8000")
    parser.add_argument("--key", action="append", default=[], help="an API key of it; may be given several times")
    parser.add_argument("--questions", type=Path, help="a file with a question in each line")
    chosen = arguments_of(parser)
    if chosen.url and not (chosen.key and chosen.questions):
        sys.exit("With --url, give --key and --questions too.")
    lines = chosen.questions.read_text("utf-8").splitlines() if chosen.questions else []
    asyncio.run(main(chosen, [line.strip() for line in lines if line.strip()]))
