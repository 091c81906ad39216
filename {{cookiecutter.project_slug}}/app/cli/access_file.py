"""Files that say who may read the documents beside them."""

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from app.core.errors import StartRefused
from app.core.policies import SAFE_LOADER, parse_yaml
from app.ingestion.domain.access_lists import BadAccessList, access_rules, rules_of_file

ACCESS_FILE = ".access.yaml"
"""Of a folder: who may read the files below it, by their paths in it."""
MAX_FILE_BYTES = 1_000_000


def access_files_in(paths: Sequence[Path]) -> list[Path]:
    """The access files of the folders among these paths."""
    return [path / ACCESS_FILE for path in paths if _is_readable_folder(path) and (path / ACCESS_FILE).exists()]


def _is_readable_folder(path: Path) -> bool:
    """Not what no folder can be, such as a name that is too long: ingestion reports it."""
    with suppress(OSError):
        return path.is_dir() and os.access(path, os.X_OK)
    return False


def read_access_file(path: Path) -> list[tuple[str, Collection[str]]]:
    """The rules of a file, checked. Errors: StartRefused, naming the file."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise StartRefused(f"{path}: is larger than {MAX_FILE_BYTES:,} bytes.")
        rules = list(rules_of_file(parse_yaml(raw, path, _Rules)).items())
        access_rules(rules)
    except OSError as error:
        raise StartRefused(f"{path}: cannot be read ({error.strerror}).") from error
    except BadAccessList as error:
        raise StartRefused(f"{path}: {error.detail}") from error
    return rules


class _Rules(SAFE_LOADER):  # type: ignore[misc, valid-type]
    """Refuses a second rule for an address, which YAML would let replace the first one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        keys = [key.value for key, _ in node.value]
        if repeated := [key for key in keys if keys.count(key) > 1]:
            raise BadAccessList(f"The address '{repeated[0]}' stands there twice.")
        found: dict[object, object] = super().construct_mapping(node, deep)
        return found
