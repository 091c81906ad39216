"""The pages of docs/ answer questions about the service with text search only, and off-topic questions are refused."""

import httpx
import pytest
import pytest_asyncio

from app.cli.ingest import files_in, ingest_files
from app.identity.domain import Principal
from app.wiring import State
from tests.conftest import ROOT

ANSWERED = [
    ("How do I revoke an API key?", "app keys revoke", "how-to/make-and-rotate-keys.md"),
    ("What happens to a document that fails a quality gate?", "quarantine", "how-to/read-and-release-quarantine.md"),
    ("How do I roll back a release?", "app rollback", "how-to/release-and-roll-back.md"),
    ("How long is an Idempotency-Key kept?", "24 hours", "explanation/answers-and-refusals.md"),
    ("How do I use Azure OpenAI?", "azure", "how-to/connect-a-provider.md"),
    ("How is the cost of an answer rounded?", "micro-dollar", "explanation/releases-and-costs.md"),
    ("How do I send traces to a collector?", "APP_OTLP_ENDPOINT", "how-to/observe.md"),
    ("What should I do when a key has leaked?", "revoke it first", "runbooks/key-leaked.md"),
    ("Are budgets enforced?", "Budgets are enforced", "explanation/twelve-mistakes.md"),
]
OFF_TOPIC = [
    "Which wine goes with grilled salmon?",
    "What is the capital of Mongolia?",
    "How tall is the Eiffel tower?",
    "Who won the chess championship?",
]


@pytest_asyncio.fixture
async def handbook(state: State, principal: Principal) -> None:
    results = await ingest_files(state, principal, "handbook", list(files_in([ROOT / "docs"])))
    assert {result.result for result in results} == {"published"}


@pytest.mark.slow
@pytest.mark.usefixtures("handbook")
async def test_the_pages_answer_their_questions_and_refuse_others(client: httpx.AsyncClient) -> None:
    wrong = {}
    for question, words, page in ANSWERED:
        reply = (await client.post("/v1/answers", json={"question": question})).json()
        if words not in reply["text"] or page not in [citation["uri"] for citation in reply["citations"]]:
            wrong[question] = reply["text"]
    for question in OFF_TOPIC:
        reply = (await client.post("/v1/answers", json={"question": question})).json()
        if reply["status"] != "refused" or reply["citations"]:
            wrong[question] = reply["text"]
    assert wrong == {}
