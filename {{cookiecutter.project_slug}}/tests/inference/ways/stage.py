"""A service in this process that can be brought into the state of any outcome, and what one request leaves in it."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import httpx
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY, Counter, Histogram

from app.actions.domain import ActionPolicy
from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.standin import StandIn
from app.core import telemetry
from app.core.brownout import Brownout
from app.core.embedded import Urls
from app.core.slo import BrownoutStep
from app.costs.domain import CostPolicy
from app.inference.domain.human_review import ReviewPolicy
from app.inference.service import LoadedRelease
from app.llm.domain.circuit_breaker import CircuitBreaker
from app.llm.domain.retry import RetryBudget
from app.llm.domain.throttle import Throttle
from app.main import create_app
from app.retrieval.domain import PublishRequest
from app.safety.domain.output_filter import OutputPolicy
from app.safety.domain.policy import SecurityPolicy
from app.settings import Settings
from app.wiring import State, build
from tests.inference.conftest import BRIDGE, TOWER
from tests.inference.ways.doors import Door, Seen
from tests.inference.ways.outcomes import ACTIONS, Outcome

PRICES = "stand-in: {input: 1, output: 2}\nstand-by: {input: 1, output: 2}"
STEPS = {
    "passages": BrownoutStep(pressure=0.5, passages=1),
    "one model": BrownoutStep(pressure=0.5, second_model=False),
    "no model": BrownoutStep(pressure=0.5, extractive=True),
}
ROWS = """
select id, at, model, feature, input_tokens, cached_tokens, output_tokens, reasoning_tokens, micro_usd, environment,
  subject_id
from ledger where at >= %s and id <> all(%s) order by model, feature, input_tokens, output_tokens
"""
OTHER_COUNTS = ("app_http_", "app_answer_first_text", "app_answers_late", "app_budget_reservations", "app_room_")
"""Metrics about the form itself, about times, and about what several answers share."""
Span = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class Traces:
    """What one request left besides its reply. stored: what GET /v1/answers/{id} shows, with its status."""

    seen: Seen
    counts: Mapping[tuple[str, tuple[tuple[str, str], ...]], float]
    spans: tuple[Span, ...]
    trace_ids: frozenset[str]
    ledger: tuple[tuple[Any, ...], ...]
    subjects: frozenset[UUID | None]
    answers: int
    stored: tuple[int, dict[str, Any]] | None = None


@dataclass
class Tenant:
    id: UUID
    client: httpx.AsyncClient
    charges: list[UUID] = field(default_factory=list)
    charged_at: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    answers: int = 0


@dataclass
class Stage:
    """A service with two models. rich, poor: tenants with the same documents; the second has no money left."""

    state: State
    models: list[StandIn]
    exporter: InMemorySpanExporter
    usual: LoadedRelease
    rich: Tenant
    poor: Tenant

    async def play(self, door: Door, outcome: Outcome, key: str | None = None) -> Traces:
        """Asks through one door in the state of the outcome, and tells what it left."""
        tenant = self.rich if outcome.budget == "enough" else self.poor
        self._set(outcome)
        self.exporter.clear()
        before, answers = counts(), tenant.answers
        headers = {"idempotency-key": key} if key else {}
        with self._crowded(outcome):
            reply = await tenant.client.post(door.path, json=door.body(outcome), headers=headers)
        await self.state.answers.close()
        changed = {name: value - before.get(name, 0) for name, value in counts().items()}
        spans, trace_ids = self._spans()
        seen = door.see(reply)
        ledger = await self._ledger(tenant)
        tenant.answers = await self._answers(tenant)
        return Traces(
            seen,
            {name: value for name, value in changed.items() if value},
            spans,
            trace_ids,
            tuple(row[2:-1] for row in ledger),
            frozenset(row[-1] for row in ledger),
            tenant.answers - answers,
            await self._stored(tenant, seen),
        )

    def _set(self, outcome: Outcome) -> None:
        first, second = self.models
        first.faults.clear()
        first.faults.extend(outcome.script[:-1])
        first.always, second.always = outcome.script[-1], outcome.second
        chain = replace(self.usual.chain, models=self.usual.chain.models[: outcome.models], random_fraction=lambda: 1.0)
        for model in chain.models:
            model.breaker, model.throttle, model.retries = CircuitBreaker(), Throttle(), RetryBudget()
            model.paused_until = 0.0
        self.state.answers.loaded_releases.by_id[self.usual.release.id] = replace(
            self.usual,
            chain=chain,
            risk_tier=outcome.tier,
            review=review_of(outcome),
            security=self._security(outcome),
            policies=self._policies(outcome),
            deadline_seconds=0.0 if outcome.late else self.usual.deadline_seconds,
        )

    def _security(self, outcome: Outcome) -> SecurityPolicy:
        return self.usual.security.model_copy(update={"output": OutputPolicy(**dict(outcome.output))})  # type: ignore[arg-type]

    def _policies(self, outcome: Outcome) -> Any:
        policies, cost = self.usual.policies, self.usual.policies.get(CostPolicy)
        at_limit = () if outcome.budget == "refuse" else ("cheaper", "extractive")
        changed = cost.model_copy(update={"budgets": cost.budgets.model_copy(update={"at_limit": at_limit})})
        return replace(policies, loaded={**policies.loaded, "cost": changed})

    @contextmanager
    def _crowded(self, outcome: Outcome) -> Iterator[None]:
        answers, step = self.state.answers, STEPS.get(outcome.brownout)
        before = {name: getattr(answers, name) for name in ("max_concurrent", "brownout")}
        object.__setattr__(answers, "brownout", Brownout((step,), level=1) if step else Brownout())
        object.__setattr__(answers, "max_concurrent", 0 if outcome.crowded else before["max_concurrent"])
        try:
            yield
        finally:
            for name, value in before.items():
                object.__setattr__(answers, name, value)

    def _spans(self) -> tuple[tuple[Span, ...], frozenset[str]]:
        finished = self.exporter.get_finished_spans()
        ids = frozenset(f"{span.context.trace_id:032x}" for span in finished if span.context)
        return tuple(sorted(map(described, finished))), ids

    async def _stored(self, tenant: Tenant, seen: Seen) -> tuple[int, dict[str, Any]] | None:
        if seen.body is None:
            return None
        reply = await tenant.client.get(f"/v1/answers/{seen.body['id']}")
        return reply.status_code, reply.json()

    async def _ledger(self, tenant: Tenant) -> list[tuple[Any, ...]]:
        """The charges since the last call."""
        async with self.state.database.pipeline(tenant.id) as connection:
            cursor = await connection.execute(ROWS, (tenant.charged_at, tenant.charges))
            rows = await cursor.fetchall()
        if rows:
            tenant.charged_at, tenant.charges = max(row[1] for row in rows), [row[0] for row in rows]
        return [tuple(row) for row in rows]

    async def _answers(self, tenant: Tenant) -> int:
        async with self.state.database.pipeline(tenant.id) as connection:
            row = await (await connection.execute("select count(*) from answers")).fetchone()
        return int(row[0]) if row else 0


def review_of(outcome: Outcome) -> ReviewPolicy:
    rules = [] if outcome.review == "none" else [{"name": "people", "send": outcome.review, "due_minutes": 60}]
    return ReviewPolicy(owner="tests", overlap=0, rules=rules)  # type: ignore[arg-type]


def counts() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every counter of the service, and the number of values of every histogram. Their children are read, because to
    collect all samples takes as long as a request.
    """
    read = {(f"{name}_total", labels): child._value.get() for name, labels, child in _children(Counter)}
    return read | {
        (f"{name}_count", labels): sum(bucket.get() for bucket in child._buckets)
        for name, labels, child in _children(Histogram)
    }


def _children(kind: type[Counter] | type[Histogram]) -> Iterator[tuple[str, tuple[tuple[str, str], ...], Any]]:
    """Each metric of a kind with each of its sets of labels."""
    for metric in list(REGISTRY._collector_to_names):
        if not isinstance(metric, kind) or not metric._name.startswith("app_") or metric._name.startswith(OTHER_COUNTS):
            continue
        if not metric._labelnames:
            yield metric._name, (), metric
        for values, child in list(getattr(metric, "_metrics", {}).items()):
            yield metric._name, tuple(sorted(zip(metric._labelnames, values, strict=True))), child


OF_THE_FORM = ("http.", "url.", "server.", "network.", "gen_ai.request.stream", "gen_ai.response.time_to")
OF_THE_MOMENT = "app.step_ms."
OF_THE_REQUEST = ("app.answer_id", "app.review_id", "app.subject", "gen_ai.tool.call.id", "gen_ai.response.model")


def described(span: Any) -> Span:
    """A span without what every request has of its own, and without what its form is."""
    attributes = {
        name: str(value)
        for name, value in (span.attributes or {}).items()
        if not name.startswith((*OF_THE_FORM, OF_THE_MOMENT)) and name not in OF_THE_REQUEST
    }
    name = "request" if span.name.startswith("POST ") else span.name
    return name, span.status.status_code.name, tuple(sorted(attributes.items()))


@contextmanager
def recorded_spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    telemetry.configure_tracing("console", 1.0, "test", "0", None)
    assert telemetry._provider
    telemetry._provider._active_span_processor._span_processors = ()
    telemetry._provider.add_span_processor(SimpleSpanProcessor(exporter))
    try:
        yield exporter
    finally:
        telemetry.shutdown_tracing()


@asynccontextmanager
async def open_stage(settings: Settings, urls: Urls) -> AsyncIterator[Stage]:
    """settings: of a service whose policies have prices for both models; its folder is settings.root."""
    async with AsyncExitStack() as stack:
        # Between tries a model is given time; here only their number and their order count.
        stack.enter_context(patch("app.llm.service.fallback.backoff", lambda *_: 0.0))
        stack.enter_context(patch("app.llm.service.fallback.PAUSE_MARGIN_SECONDS", 0.0))
        # A connection that was used before is tried twice, and which one is used depends on the request before.
        stack.enter_context(patch("app.adapters.outbound.KEEP_SECONDS", 0.0))
        models = [await stack.enter_async_context(StandIn(model=name)) for name in ("stand-in", "stand-by")]
        chain = tuple(ModelChoice(model=each.model, base_url=each.url, timeout_seconds=600) for each in models)
        state = await stack.enter_async_context(build(settings.model_copy(update={"model_chain": chain}), urls))
        release = await state.releases.create("tests")
        await state.rollouts.activate("tests", release.id, "a test needs it", break_glass=True)
        held = state.answers.loaded_releases.by_id
        offered = {name: {"per_hour": 100_000} for name in ACTIONS}
        live = state.environments.current().id
        usual = replace(held[live], actions=ActionPolicy(owner="tests", offered=offered))  # type: ignore[arg-type]
        rich, poor = [await _tenant(state, stack) for _ in range(2)]
        await state.costs.budgets.set("tests", poor.id, "day", 1, "a test needs it")
        exporter = stack.enter_context(recorded_spans())
        yield Stage(state, models, exporter, usual, rich, poor)


async def _tenant(state: State, stack: AsyncExitStack) -> Tenant:
    tenant = await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
    key = await state.identity.create_key(tenant, "test", ["user", "operator"])
    for name, text in (("Lighthouse", TOWER), ("Bridge", BRIDGE)):
        prepared = await state.retrieval.prepare(
            PublishRequest(uuid4(), tenant, 1, name, "tests", f"{name.lower()}.md", text)
        )
        async with state.database.transaction(tenant) as connection:
            await state.retrieval.publish(connection, prepared)
    await state.tickets.add(await state.identity.authenticate(key.text), "Printer", "It prints grey.")
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key.text}"}
    client = httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers, timeout=600)
    return Tenant(tenant, await stack.enter_async_context(client))
