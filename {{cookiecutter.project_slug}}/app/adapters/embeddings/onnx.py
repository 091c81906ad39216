import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from app.adapters.embeddings.weights import ModelWeights
from app.core.clock import Deadline
from app.core.errors import OutOfTime, StartRefused
from app.core.genai import GenAICall, ModelEndpoint, embeddings
from app.core.memory import release_memory
from app.retrieval.domain import EmbeddingFailed, Vector
from app.retrieval.ports import EmbeddingResult

MAX_TOKENS = 256
# Memory grows with this, to 130 MB at 2,048 tokens, and throughput does not.
BATCH_TOKENS = MAX_TOKENS
# Encodings take a hundred times the memory of their text: not for a whole book at once.
_ENCODE_BATCH = 32
_UNKNOWN = "[UNK]"


@dataclass(frozen=True)
class OnnxEmbedder:
    """A sentence embedder on this machine's CPU: the mean of the last layer, normalised to length one.

    Texts are truncated to 256 tokens. It runs in threads, so that it never blocks the event loop.
    """

    session: Any
    tokenizer: Tokenizer
    pool: ThreadPoolExecutor
    name: str
    model: str
    dimensions: int
    inputs: Sequence[str]
    provider: str = "local"

    async def warm(self) -> None:
        await self._run(["warm"])

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        with self._call() as call:
            try:
                async with asyncio.timeout(deadline.remaining()):
                    result = await self._run([text])
            except TimeoutError as error:
                raise OutOfTime("The question was not embedded in time.") from error
            call.used(result.tokens)
            return EmbeddingResult((), result.tokens) if self._is_unknown(text) else result

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        with self._call() as call:
            result = await self._run(list(texts))
            call.used(result.tokens)
            return result

    def _is_unknown(self, text: str) -> bool:
        """Whether half of a text is in no word of the vocabulary, or is spelt by its letters: the vector would mean
        nothing."""
        if text.isascii():
            return False
        tokens = self.tokenizer.encode(text, add_special_tokens=False).tokens
        unknown = sum(token == _UNKNOWN or (len(token) == 3 and token.startswith("##")) for token in tokens)
        return 2 * unknown >= len(tokens)

    def _call(self) -> GenAICall:
        return embeddings(ModelEndpoint(self.provider, self.model), self.dimensions)

    async def close(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, texts: list[str]) -> EmbeddingResult:
        if not texts:
            return EmbeddingResult((), 0)
        vectors: list[Vector] = []
        tokens = 0
        for start in range(0, len(texts), _ENCODE_BATCH):
            some = await self._slice(texts[start : start + _ENCODE_BATCH])
            vectors += some.vectors
            tokens += some.tokens
        return EmbeddingResult(tuple(vectors), tokens)

    async def _slice(self, texts: list[str]) -> EmbeddingResult:
        loop = asyncio.get_running_loop()
        encodings, vectors = await loop.run_in_executor(self.pool, self._begin, texts)
        # One task per batch, so that a question does not wait for a whole document.
        for batch in batches([len(encoding.ids) for encoding in encodings])[1:]:
            vectors |= await loop.run_in_executor(self.pool, self._embed, encodings, batch)
        tokens = sum(len(encoding.ids) for encoding in encodings)
        return EmbeddingResult(tuple(vectors[place] for place in range(len(texts))), tokens)

    def _begin(self, texts: list[str]) -> tuple[list[Encoding], dict[int, Vector]]:
        """The encodings of all texts and the vectors of the first batch, which is mostly the only one."""
        encodings = self.tokenizer.encode_batch(texts)
        return encodings, self._embed(encodings, batches([len(encoding.ids) for encoding in encodings])[0])

    def _embed(self, encodings: list[Encoding], batch: list[int]) -> dict[int, Vector]:
        mask = _padded([encodings[place].attention_mask for place in batch])
        inputs = {
            "input_ids": _padded([encodings[place].ids for place in batch]),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        states = self.session.run(None, {name: inputs[name] for name in self.inputs})[0]
        return dict(zip(batch, pooled(states, mask), strict=True))


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Group texts of similar length, at most BATCH_TOKENS with padding per group; returns their positions."""
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if groups and (len(groups[-1]) + 1) * lengths[groups[-1][0]] <= BATCH_TOKENS:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def pooled(states: NDArray[np.float32], mask: NDArray[np.int64]) -> list[Vector]:
    """The mean over the tokens except padding, normalised. Errors: EmbeddingFailed when it is not a number."""
    weights = mask[:, :, None].astype(np.float32)
    means = (states * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    if not np.isfinite(means).all() or not lengths.all():
        raise EmbeddingFailed("The embedder returned values that are not numbers.", reason="not_a_number")
    return [Vector(row.tobytes()) for row in (means / lengths).astype(">f2")]


def _padded(rows: list[list[int]]) -> NDArray[np.int64]:
    array = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for number, row in enumerate(rows):
        array[number, : len(row)] = row
    return array


def make_onnx_embedder(weights: ModelWeights, threads: int, concurrency: int = 2) -> OnnxEmbedder:
    """Load an embedder. threads: per inference; concurrency: parallel inferences. Errors: StartRefused."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # memory plans are per shape, and shapes rarely repeat
    # Spinning threads would take CPU time from a database on the same machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # By default the arena doubles and keeps twice the largest allocation.
        provider = ("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})
        session = onnxruntime.InferenceSession(str(weights.onnx), options, providers=[provider])
        tokenizer = Tokenizer.from_buffer(weights.tokenizer)
    except Exception as error:
        raise StartRefused(
            f"The embedder {weights.model} cannot be loaded ({type(error).__name__}: {error})."
        ) from error
    release_memory()
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return OnnxEmbedder(
        session=session,
        tokenizer=tokenizer,
        pool=ThreadPoolExecutor(concurrency, thread_name_prefix="embed"),
        name=weights.name,
        model=weights.model,
        dimensions=_dimensions(session, weights.model),
        inputs=[entry.name for entry in session.get_inputs()],
    )


def _dimensions(session: Any, model: str) -> int:
    shape = session.get_outputs()[0].shape
    if len(shape) != 3 or not isinstance(shape[2], int):
        raise StartRefused(
            f"The embedder {model} has the output {shape}; (batch, tokens, dimensions), the last layer, is required."
        )
    return shape[2]
