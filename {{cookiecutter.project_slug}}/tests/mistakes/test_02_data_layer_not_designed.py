import httpx
import pytest

from app.core.embedded import Urls
from app.retrieval.domain import EmbedderMismatch
from app.settings import Settings
from app.wiring import State, build
from tests.ingestion.test_gates import FILES


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("truncated.pdf", "truncated"),
        ("invalid_utf8.txt", "encoding_damage"),
        ("empty.txt", "empty_file"),
        ("injected_hidden.html", "suspicious_content"),
    ],
)
async def test_a_bad_file_is_kept_with_the_reason_and_is_never_served(
    ingest, search, client: httpx.AsyncClient, name: str, reason: str
) -> None:
    data = (FILES / name).read_bytes()
    (held,) = await ingest((name, data))
    assert (held["status"], held["quarantine"]["reason"]) == ("quarantined", reason)
    (entry,) = (await client.get("/v1/quarantine")).json()["items"]
    assert (await client.get(f"/v1/quarantine/{entry['id']}/original")).content == data
    assert await search("quarterly report revenue system note lamp") == []


async def test_an_index_refuses_questions_that_another_embedder_would_measure(
    state: State, settings: Settings, database_urls: Urls
) -> None:
    await state.retrieval.ready()
    other = settings.model_copy(update={"embedder": "openai"})
    async with build(other, database_urls) as with_other:
        with pytest.raises(EmbedderMismatch, match="built with the embedder none"):
            await with_other.retrieval.ready()


async def test_a_document_that_is_nearly_another_one_waits_for_a_person(ingest, search) -> None:
    text = " ".join(f"Lamp {number} of the harbour is lit at dusk by its keeper." for number in range(60))
    first, second = await ingest(("a.md", text.encode()), ("b.md", f"{text} Really.".encode()))
    assert first["status"] == "published"
    assert (second["status"], second["quarantine"]["reason"]) == ("quarantined", "near_duplicate")
    assert [passage for passage in await search("harbour lamp keeper") if "Really" in passage] == []
