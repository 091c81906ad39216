"""A release as one signed file, for import into another deployment."""

import hmac
import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from app.releases.domain.manifest import Manifest, canonical_json, digest_of
from app.releases.domain.problems import ExportBundleRefused

FORMAT = "release/1"


@dataclass(frozen=True, slots=True)
class ExportBundle:
    """A manifest, the bytes of every part by digest, and the author of the release."""

    manifest: Manifest
    parts: Mapping[str, bytes]
    author: str


def pack(bundle: ExportBundle, secret: bytes) -> bytes:
    """Canonical JSON with an HMAC-SHA-256 over all of it: the same release is the same file."""
    body = {
        "format": FORMAT,
        "author": bundle.author,
        "manifest": bundle.manifest.model_dump(mode="json"),
        "parts": {digest: b64encode(content).decode() for digest, content in bundle.parts.items()},
    }
    return canonical_json({**body, "signature": _sign(body, secret)}) + b"\n"


def unpack(content: bytes, secret: bytes) -> ExportBundle:
    """Errors: ExportBundleRefused, when the file is not exactly what was signed."""
    try:
        body: dict[str, Any] = json.loads(content)
        signature = body.pop("signature")
        if body["format"] != FORMAT or not isinstance(signature, str):
            raise ExportBundleRefused("The file is of another format.")
        if not hmac.compare_digest(_sign(body, secret).encode(), signature.encode()):
            raise ExportBundleRefused(
                "The signature does not match: the file was changed, or signed with another secret."
            )
        manifest = Manifest.model_validate(body["manifest"])
        parts = {digest: b64decode(part, validate=True) for digest, part in body["parts"].items()}
        author = str(body["author"])
    except ExportBundleRefused:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, NotBase64, ValidationError) as error:
        raise ExportBundleRefused("The file is not an exported release.") from error
    if parts.keys() != manifest.digests() or any(digest_of(part) != digest for digest, part in parts.items()):
        raise ExportBundleRefused("The parts of the release do not match its manifest.")
    return ExportBundle(manifest, parts, author)


def _sign(body: Mapping[str, Any], secret: bytes) -> str:
    return hmac.new(secret, canonical_json(body), sha256).hexdigest()
