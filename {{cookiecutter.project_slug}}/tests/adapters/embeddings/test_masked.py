from collections.abc import Sequence

from app.adapters.embeddings.masked import MaskedEmbedder
from app.adapters.embeddings.none import NoEmbedder
from app.core.clock import Deadline, SystemClock
from app.retrieval.ports import EmbeddingResult
from app.safety.domain.personal_data import DEFAULT_RULES
from app.settings import Settings
from app.setup.process import make_embedders
from app.setup.release_check import protection_of
from app.wiring import infrastructure


class Recording(NoEmbedder):
    """Keeps the texts that it was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        self.texts.append(text)
        return EmbeddingResult((), 0)

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        self.texts += texts
        return EmbeddingResult((), 0)


async def test_an_embedder_elsewhere_never_sees_personal_data() -> None:
    inner = Recording()
    embedder = MaskedEmbedder(inner, DEFAULT_RULES.mask)
    await embedder.embed_query("Who is jane@acme.example?", Deadline.after(60, SystemClock()))
    await embedder.embed_passages(["Call +49 30 2312 5414.", "Nothing here."])
    assert inner.texts == ["Who is [email]?", "Call [phone].", "Nothing here."]
    assert (embedder.name, embedder.dimensions) == (inner.name, inner.dimensions)


def test_only_an_embedder_on_another_machine_is_masked(settings: Settings) -> None:
    protection = protection_of(infrastructure.policies_of(settings))
    elsewhere = settings.model_copy(update={"embedder": "openai", "embedder_next": None})
    here = elsewhere.model_copy(update={"embedder_url": "http://127.0.0.1:8080/v1"})
    assert [type(each) for each in make_embedders(elsewhere, protection)] == [MaskedEmbedder]
    assert MaskedEmbedder not in [type(each) for each in make_embedders(here, protection)]
