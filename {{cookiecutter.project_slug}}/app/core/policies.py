"""Policies as data: `policies/*.yaml`, validated at start and identified by their digest.

`policies/extensions/<name>.yaml` changes the policy of that name, as a JSON Merge Patch (RFC 7396) changes a document:
what both have is merged key by key, null takes a key away, and everything else takes the place of what was there.
What is enforced, shown and pinned by a release is the merged policy.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import Field, ValidationError

from app.core.base_models import ExactModel
from app.core.errors import StartRefused

SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C loader if available: it is many times faster, and every process reads every policy at its start."""
EXTENSIONS = "extensions"
"""The folder of the team's own files."""
MAX_SHOWN_CHARACTERS = 120
"""Of an invalid value in an error message."""


class PolicyModel(ExactModel):
    """Base of all policy files."""

    renamed_keys: ClassVar[Mapping[str, str]] = {}
    """Keys of earlier versions, at any depth, with their new names. A file must use the new name; a release that was
    stored with the old one stays readable.
    """
    removed_keys: ClassVar[frozenset[str]] = frozenset()
    """Keys of earlier versions that decided nothing, at any depth. A file must leave them out; a release that was
    stored with one stays readable.
    """

    owner: str = Field(min_length=1, description="Owner of this file.")

    @classmethod
    def merge(cls, policy: Any, extension: Any) -> Any:
        """The content of a policy, changed by that of the team's own file."""
        return merge_patch(policy, extension)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


P = TypeVar("P", bound=PolicyModel)


@dataclass(frozen=True)
class Policies:
    """All loaded policies, by type; `contents` and `digests` map a file's name to its bytes and their SHA-256."""

    loaded: Mapping[str, PolicyModel]
    digests: Mapping[str, str]
    contents: Mapping[str, bytes]

    def get(self, kind: type[P]) -> P:
        for policy in self.loaded.values():
            if isinstance(policy, kind):
                return policy
        raise KeyError(kind.__name__)


def load_policies(folder: Path, models: Mapping[str, type[PolicyModel]], all_files: bool = True) -> Policies:
    """Reads `<name>.yaml` for each of `models`.

    all_files: reject a file without a model too; False for a process that enforces a part of them.
    Errors: StartRefused naming the file, the field and what is expected there.
    """
    places = (folder, folder / EXTENSIONS)
    read = {f"{name}.yaml" for name in models}
    extra = sorted(path for place in places for path in place.glob("*.y*ml") if all_files and path.name not in read)
    if extra:
        cure = f"call it {extra[0].stem}.yaml" if extra[0].stem in models else "remove the file"
        raise StartRefused(f"{extra[0]}: no part of the service enforces this policy; {cure}.")
    raw = {name: _merged(folder, name, model) for name, model in models.items()}
    return _read(folder, raw, models)


def _merged(folder: Path, name: str, model: type[PolicyModel]) -> bytes:
    """The bytes of a policy; with an extension, those of what both make together. Errors: StartRefused."""
    path, extension = folder / f"{name}.yaml", folder / EXTENSIONS / f"{name}.yaml"
    raw = _bytes(path)
    if not extension.exists():
        return raw
    policy, changes = parse_yaml(raw, path), parse_yaml(_bytes(extension), extension)
    if not isinstance(changes, dict):
        raise StartRefused(f"{extension}: holds no keys; write those of {path.name} that change.")
    _validated(path, raw, model, stored=False)
    merged = model.merge(policy, changes)
    text = yaml.safe_dump(merged, sort_keys=False, allow_unicode=True, width=120)
    merged_raw = f"# {name}.yaml, with what {EXTENSIONS}/{name}.yaml changes.\n{text}".encode()
    _validated(extension, merged_raw, model, stored=False)
    return merged_raw


def read_policies(contents: Mapping[str, bytes], models: Mapping[str, type[PolicyModel]], where: str) -> Policies:
    """Read policies from stored bytes. where: what they belong to, for the error. Errors: StartRefused."""
    missing = sorted(models.keys() - contents.keys())
    if missing:
        raise StartRefused(f"{where} has no policy {missing[0]}.")
    return _read(Path(where), {name: contents[name] for name in models}, models, stored=True)


def _read(
    folder: Path, contents: Mapping[str, bytes], models: Mapping[str, type[PolicyModel]], stored: bool = False
) -> Policies:
    """folder: for error messages. stored: accept keys of earlier versions."""
    return Policies(
        loaded={
            name: _validated(folder / f"{name}.yaml", contents[name], model, stored) for name, model in models.items()
        },
        digests={name: hashlib.sha256(raw).hexdigest() for name, raw in contents.items()},
        contents=contents,
    )


def _with_new_keys(data: Any, model: type[PolicyModel]) -> Any:
    """What an earlier version stored, in the words of this one."""
    if isinstance(data, dict):
        kept = {key: value for key, value in data.items() if key not in model.removed_keys}
        return {model.renamed_keys.get(key, key): _with_new_keys(value, model) for key, value in kept.items()}
    return [_with_new_keys(each, model) for each in data] if isinstance(data, list) else data


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartRefused(f"{path}: cannot be read ({error.strerror}); every policy file is needed.") from error


def parse_yaml(raw: bytes, path: Path, loader: Any = SAFE_LOADER) -> Any:
    """The content of a YAML file. Errors: StartRefused, naming the file."""
    try:
        return yaml.load(raw, Loader=loader)  # noqa: S506, a safe loader
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError) as error:
        # PyYAML does not catch what a value such as 2024-13-45 raises.
        raise StartRefused(f"{path}: is not valid YAML ({' '.join(str(error).split())}).") from error


def _validated(path: Path, raw: bytes, model: type[P], stored: bool) -> P:
    data = parse_yaml(raw, path)
    try:
        return model.model_validate(_with_new_keys(data, model) if stored else data)
    except ValidationError as error:
        for old in (each["loc"][-1] for each in error.errors() if each["type"] == "extra_forbidden"):
            if new := model.renamed_keys.get(str(old)):
                raise StartRefused(f"{path}: {old} is now called {new}; rename the key.") from error
            if old in model.removed_keys:
                raise StartRefused(f"{path}: {old} decides nothing any more; remove the key.") from error
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        value = repr(first["input"])
        shown = value if len(value) <= MAX_SHOWN_CHARACTERS else f"{value[:MAX_SHOWN_CHARACTERS]}…"
        raise StartRefused(f"{path}: {field}: {first['msg'].removeprefix('Value error, ')} (found {shown}).") from error
