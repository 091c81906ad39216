import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator

from app.core.base_models import ExactModel
from app.core.errors import StartRefused
from app.releases.domain.problems import FilesRefused, ParameterNotFound, ReleaseUnservable

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Scalar = str | int | float | bool | None
SHORT = 12


class PromptUnusable(StartRefused):
    """An unusable prompt file; the message names it and says what to do."""


class _ManifestModel(ExactModel):
    model_config = ConfigDict(allow_inf_nan=False)


class CodePin(_ManifestModel):
    """The version of `app` and the digest of its source files, with the coefficients of the classifier of screening."""

    version: str
    digest: Digest


class ModelStep(_ManifestModel):
    """One model of the chain: its name, provider, address and parameters."""

    provider: str
    model: str
    address: str | None = None
    parameters: dict[str, Scalar] = Field(default_factory=dict)

    @field_validator("address")
    @classmethod
    def no_secret(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).password or urlsplit(value).username):
            raise ValueError("an address in a manifest carries no user name or password")
        return value


class IndexPin(_ManifestModel):
    """The index that is searched; `id` is None until the first index exists."""

    id: UUID | None = None
    embedder: str = "none"
    chunker: str = ""


class Manifest(_ManifestModel):
    """Everything that an answer depends on, apart from the question and the documents."""

    format: Literal[1] = 1
    code: CodePin
    prompts: dict[str, Digest]
    chain: tuple[ModelStep, ...]
    index: IndexPin
    corpus: Literal["latest"] = "latest"
    retrieval: dict[str, Scalar]
    policies: dict[str, Digest]
    prices: Digest
    settings: dict[str, Scalar]
    evaluation: Digest | None = None

    @property
    def canonical(self) -> bytes:
        return canonical_json(self.model_dump(mode="json"))

    @property
    def id(self) -> str:
        return digest_of(self.canonical)

    def differs_in(self, other: "Manifest") -> tuple[str, ...]:
        """The parts of the manifest that differ."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) != getattr(other, name))

    def changed(self, changes: Mapping[str, Scalar]) -> "Manifest":
        """A copy with other values of parameters, named as `retrieval.dense_weight` or `refusal.words`.

        Errors: ParameterNotFound.
        """
        retrieval, settings = dict(self.retrieval), dict(self.settings)
        for name, value in changes.items():
            section, _, field_name = name.rpartition(".")
            values, key = (retrieval, field_name) if section == "retrieval" else (settings, name)
            if key not in values:
                existing = ", ".join(sorted([*(f"retrieval.{each}" for each in retrieval), *settings]))
                raise ParameterNotFound(f"'{name}' is not one of {existing}.")
            values[key] = value
        return self.model_copy(update={"retrieval": retrieval, "settings": settings})

    def digests(self) -> set[str]:
        """The digests of every part that must be stored beside the manifest."""
        suites = {self.evaluation} if self.evaluation else set()
        return {*self.prompts.values(), *self.policies.values(), self.prices, *suites}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file; its version is the digest of its bytes."""

    name: str
    text: str
    digest: str

    @classmethod
    def read(cls, name: str, content: bytes) -> "Prompt":
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            raise PromptUnusable(f"prompts/{name}.md is not UTF-8 text; save it as UTF-8.") from error
        if not text.strip() or "\0" in text:
            raise PromptUnusable(f"prompts/{name}.md is empty or contains a NUL character; write the prompt.")
        return cls(name, text, digest_of(content))


@dataclass(frozen=True)
class ReleaseInputs:
    """What this process was started with: a manifest except for the index, and the bytes of its parts.

    suites: the concatenated files of evaluation cases; empty where there are none. refused: why no release can be
    created from these inputs; else empty.
    """

    code: CodePin
    prompts: Mapping[str, Prompt]
    chain: tuple[ModelStep, ...]
    retrieval: Mapping[str, Scalar]
    policies: Mapping[str, bytes]
    prices: bytes
    settings: Mapping[str, Scalar]
    suites: bytes = b""
    refused: str = ""

    def manifest(self, index: IndexPin) -> Manifest:
        """Errors: FilesRefused."""
        if self.refused:
            raise FilesRefused(self.refused)
        return Manifest(
            code=self.code,
            prompts={name: prompt.digest for name, prompt in self.prompts.items()},
            chain=self.chain,
            index=index,
            retrieval=dict(self.retrieval),
            policies={name: digest_of(content) for name, content in self.policies.items()},
            prices=digest_of(self.prices),
            settings=dict(self.settings),
            evaluation=digest_of(self.suites) if self.suites else None,
        )

    def parts(self) -> dict[str, bytes]:
        """The bytes of every part by digest."""
        texts = [prompt.text.encode() for prompt in self.prompts.values()]
        suites = [self.suites] if self.suites else []
        return {digest_of(content): content for content in (*texts, *self.policies.values(), self.prices, *suites)}


@dataclass(frozen=True, slots=True)
class Release:
    """A stored manifest under its digest. `number` is for people, and grows by one with every new release."""

    id: str
    number: int
    manifest: Manifest
    created_at: datetime
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    policies: Mapping[str, bytes] = field(default_factory=dict)
    prices: bytes = b""

    @property
    def short(self) -> str:
        return self.id[:SHORT]

    def prompt(self, name: str) -> Prompt:
        """The prompt of this release. Errors: PromptUnusable, when there is none of that name."""
        if name not in self.prompts:
            raise PromptUnusable(f"There is no prompts/{name}.md in release {self.short}; add the file.")
        return self.prompts[name]


def rebuild(number: int, created_at: datetime, release_id: str, manifest: str, parts: Mapping[str, bytes]) -> Release:
    """A release from its stored parts. Errors: ReleaseUnservable, when they do not match their digests."""
    read = Manifest.model_validate_json(manifest)
    missing = read.digests() - parts.keys()
    if missing or read.id != release_id or any(digest_of(content) != digest for digest, content in parts.items()):
        raise ReleaseUnservable(f"The stored parts of release {number} do not match its digests.")
    return Release(
        release_id,
        number,
        read,
        created_at,
        {name: Prompt.read(name, parts[digest]) for name, digest in read.prompts.items()},
        {name: parts[digest] for name, digest in read.policies.items()},
        parts[read.prices],
    )


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8, whole numbers without fraction, no NaN."""
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
