"""Vectors that a provider is paid for: held before the call, charged whatever becomes of them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from app.core.clock import Deadline, ManualClock, SystemClock
from app.core.database import Database
from app.core.embedded import Urls
from app.core.errors import OutOfTime, Problem
from app.costs.domain import CostPolicy, ModelPrice, PriceTable, Tier, UnitPrices
from app.costs.domain.budgets import BudgetUsedUp
from app.costs.service import Costs, Reservations
from app.identity.domain import Principal
from app.retrieval.domain import EmbeddingFailed, Fingerprint, IndexRow
from app.retrieval.ports import EmbeddingResult
from app.retrieval.service.passage_embedding import PassageEmbeddings, max_tokens
from app.retrieval.service.query_embedding import QueryEmbeddings
from app.retrieval.service.retrieval import make_retrieval
from app.retrieval.service.text_embedding import InputType, TextEmbeddings
from tests.retrieval.conftest import WordsEmbedder

NOON = datetime(2031, 11, 22, 12, tzinfo=UTC)
TEXTS = ("A lighthouse on a cliff.", "A bridge over a river.")
PAID = UnitPrices(Decimal(100), Decimal(100), Decimal(0))


@pytest.fixture(autouse=True)
def empty(database_urls: Urls) -> None:
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute("truncate budget_limits, budget_own_limits, budget_windows, budget_shards, budget_holds")


@pytest.fixture
def costs(database: Database) -> Costs:
    policy = CostPolicy(owner="someone", monthly_budget_usd=Decimal("0.1"))
    table = PriceTable([ModelPrice("minilm-words", "somewhere", "list", (Tier(0, PAID),))])
    made = Costs(policy, table, database, ManualClock(NOON))
    made.__dict__["reservations"] = Reservations(policy, database, made.clock, shared_by=1)
    return made


async def ledger(costs: Costs, tenant: UUID) -> list[tuple[Any, ...]]:
    async with costs.database.read(tenant) as connection:
        found = await connection.execute(text("select feature, input_tokens, micro_usd from ledger"))
        return [tuple(row) for row in found]


async def month(costs: Costs) -> tuple[int, int]:
    found = (await costs.budgets.current())[1]
    return found.committed_micro_usd, found.held_micro_usd


async def embed(costs: Costs, embedder: WordsEmbedder, tenant: UUID, texts: Sequence[str] = TEXTS) -> bool:
    passages = PassageEmbeddings({embedder.name: embedder}, costs, costs.database)
    _, charged = await passages.embed(embedder.name, texts, tenant, uuid4())
    return charged


async def test_vectors_of_a_document_are_charged_when_they_are_made(costs: Costs, tenant: UUID) -> None:
    assert await embed(costs, WordsEmbedder(), tenant)
    tokens = sum(len(each) // 4 for each in TEXTS)
    assert await ledger(costs, tenant) == [("embedding_document", tokens, tokens * 100)]
    assert await month(costs) == (tokens * 100, 0)


async def test_a_document_that_there_is_no_money_for_is_not_embedded(costs: Costs, tenant: UUID) -> None:
    embedder = WordsEmbedder()
    with pytest.raises(BudgetUsedUp):
        await embed(costs, embedder, tenant, ["word " * 500])
    assert embedder.calls == 0
    assert await ledger(costs, tenant) == []


@pytest.mark.parametrize(
    ("failure", "tokens"),
    [
        (EmbeddingFailed("no", reason="refused"), 0),
        (EmbeddingFailed("no", reason="unreachable"), 0),
        (EmbeddingFailed("no", reason="malformed"), max_tokens(TEXTS)),
        (OutOfTime("late"), max_tokens(TEXTS)),
    ],
)
async def test_a_call_that_may_be_charged_is_charged_as_much_as_was_held(
    costs: Costs, tenant: UUID, failure: Problem, tokens: int
) -> None:
    with pytest.raises(type(failure)):
        await embed(costs, WordsEmbedder(broken=failure), tenant)
    assert await month(costs) == (tokens * 100, 0)
    assert [row[1] for row in await ledger(costs, tenant)] == [tokens] * bool(tokens)


@pytest.mark.parametrize("kind", ["document", "query"])
@pytest.mark.parametrize(
    ("failure", "tokens"),
    [
        (EmbeddingFailed("no", reason="unreachable"), 0),
        (EmbeddingFailed("no", reason="malformed"), max_tokens(TEXTS)),
        (OutOfTime("late"), max_tokens(TEXTS)),
        (None, max_tokens(TEXTS)),
    ],
    ids=["unreachable", "malformed", "late", "silent"],
)
async def test_so_is_one_for_a_client_which_ends_in_time(
    costs: Costs, tenant: UUID, kind: InputType, failure: Problem | None, tokens: int
) -> None:
    """failure: None for an embedder that never replies."""
    embedder = WordsEmbedder(broken=failure) if failure else Silent()
    retrieval = make_retrieval(costs.database, costs.clock, costs, [embedder], "english")
    caller = Principal(tenant, uuid4(), "anna", frozenset({"user"}), frozenset())
    embeddings, deadline = TextEmbeddings(retrieval, index_of(embedder)), Deadline.after(0.2, SystemClock())
    with pytest.raises(type(failure) if failure else OutOfTime):
        async with asyncio.timeout(60):
            await embeddings.embed(caller, TEXTS, kind, deadline)
    assert await month(costs) == (tokens * 100, 0)
    assert [row[1] for row in await ledger(costs, tenant)] == [tokens] * bool(tokens)


class Silent(WordsEmbedder):
    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        return await asyncio.Event().wait()  # type: ignore[return-value]

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        return await asyncio.Event().wait()  # type: ignore[return-value]


def index_of(embedder: WordsEmbedder) -> IndexRow:
    fingerprint = Fingerprint(embedder.name, embedder.dimensions, text_search="english")
    return IndexRow(1, uuid4(), "live", fingerprint, NOON)


async def test_a_question_without_money_for_its_vector_is_searched_by_words(costs: Costs, tenant: UUID) -> None:
    embedder = WordsEmbedder()
    questions = QueryEmbeddings({embedder.name: embedder}, costs)
    deadline = Deadline.after(600, costs.clock)
    found = await questions.vector(tenant, index_of(embedder), "Who built the lighthouse?", deadline)
    assert found.vector
    assert found.usage
    assert found.usage.hold
    assert await month(costs) == (0, found.usage.hold.micro_usd)
    again = await questions.vector(tenant, index_of(embedder), "Who built the lighthouse?", deadline)
    assert again.usage
    assert again.usage.hold is None, "a remembered question costs nothing"
    poor = await questions.vector(tenant, index_of(embedder), "word " * 500, deadline)
    assert (poor.vector, poor.degraded) == (None, "budget_used_up")
    assert embedder.calls == 1


async def test_a_search_that_is_charged_settles_what_was_held_for_its_vector(costs: Costs, tenant: UUID) -> None:
    embedder, question = WordsEmbedder(), "Who built the lighthouse?"
    retrieval = make_retrieval(costs.database, costs.clock, costs, [embedder], "english")
    caller, deadline = Principal(tenant, uuid4(), "asker", frozenset({"user"})), Deadline.after(600, costs.clock)
    await retrieval.search(caller, question, deadline=deadline, index=index_of(embedder), charge=True)
    tokens = len(question) // 4
    assert await ledger(costs, tenant) == [("embedding_query", tokens, tokens * 100)]
    assert await month(costs) == (tokens * 100, 0)
