from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.adapters.embeddings.deferred import DeferredEmbedder
from app.adapters.embeddings.none import NoEmbedder
from app.adapters.embeddings.weights import (
    MINILM,
    MINILM_DIMENSIONS,
    ModelWeights,
    bundled_minilm,
    bundled_name,
    weights_in,
)
from app.core.errors import StartRefused
from app.core.outbound import DIRECT, OutboundRules
from app.retrieval.ports import Embedder

EmbedderKind = Literal["minilm", "e5", "openai", "none"]


@dataclass(frozen=True)
class EmbedderSettings:
    """folder, threads: of the local embedder; url, model, dimensions, keys, batch, outbound: of an
    OpenAI-compatible one, with the most texts of a request and the rules for outgoing calls.
    """

    folder: Path | None = None
    threads: int = 1
    url: str = "https://api.openai.com/v1"
    model: str = "text-embedding-3-small"
    dimensions: int = 1536
    keys: tuple[str, ...] = ()
    batch: int = 64
    outbound: OutboundRules = DIRECT


def make_embedder(kind: EmbedderKind, choice: EmbedderSettings) -> Embedder:
    """Errors: StartRefused when the weights are missing, changed or unusable."""
    # Imported on demand: the libraries take half a second and 60 MB, which keyword search does not need.
    if kind == "openai":
        from app.adapters.embeddings.openai import make_openai_embedder

        return make_openai_embedder(
            choice.url, choice.keys, choice.model, choice.dimensions, choice.batch, choice.outbound
        )
    if kind == "minilm" and choice.folder:
        return _open_local(weights_in(choice.folder), choice.threads)
    if kind == "minilm":
        return DeferredEmbedder(
            bundled_name(), MINILM, MINILM_DIMENSIONS, lambda: _open_local(bundled_minilm(), choice.threads)
        )
    if kind == "e5":
        from app.adapters.embeddings.e5 import E5, E5_DIMENSIONS, bundled_e5_name, open_e5

        return DeferredEmbedder(bundled_e5_name(), E5, E5_DIMENSIONS, lambda: open_e5(choice.threads))
    return NoEmbedder()


def _open_local(weights: ModelWeights, threads: int) -> Embedder:
    try:
        from app.adapters.embeddings.onnx import make_onnx_embedder
    except ImportError as error:
        raise StartRefused(
            f"The local embedder needs the package {error.name}: install it, or set APP_EMBEDDER=none."
        ) from error
    return make_onnx_embedder(weights, threads)
