from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from app.adapters.embeddings.none import NoEmbedder
from app.core.errors import StartRefused
from app.retrieval.ports import Embedder

EmbedderKind = Literal["minilm", "openai", "none"]


@dataclass(frozen=True)
class EmbedderChoice:
    """folder, threads: of the local embedder; url, model, dimensions, key: of an OpenAI-compatible one."""

    folder: Path | None = None
    threads: int = 1
    url: str = "https://api.openai.com/v1"
    model: str = "text-embedding-3-small"
    dimensions: int = 1536
    key: SecretStr | None = None


def open_embedder(kind: EmbedderKind, choice: EmbedderChoice) -> Embedder:
    """Errors: StartRefused when the weights are missing, changed or unusable."""
    # Imported when chosen: the libraries take half a second and 60 MB that searching by words alone does without.
    if kind == "openai":
        from app.adapters.embeddings.openai import open_openai

        key = choice.key.get_secret_value() if choice.key else None
        return open_openai(choice.url, key, choice.model, choice.dimensions)
    if kind == "minilm":
        try:
            from app.adapters.embeddings.onnx import open_onnx
        except ImportError as error:
            raise StartRefused(
                f"The local embedder needs the package {error.name}: install it, or set APP_EMBEDDER=none."
            ) from error
        from app.adapters.embeddings.weights import bundled_minilm, weights_of

        return open_onnx(weights_of(choice.folder) if choice.folder else bundled_minilm(), choice.threads)
    return NoEmbedder()
