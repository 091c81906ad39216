import json
from collections.abc import Callable
from typing import Any

import pytest

from app.releases.domain import (
    CodePin,
    ExportBundleRefused,
    IndexPin,
    ModelStep,
    Prompt,
    ReleaseInputs,
    canonical_json,
    digest_of,
)
from app.releases.domain.export_bundle import ExportBundle, _sign, pack, unpack

SECRET = b"s" * 32
INPUTS = ReleaseInputs(
    code=CodePin(version="1.0.0", digest=digest_of(b"code")),
    prompts={"answer": Prompt.read("answer", "Antworte nur aus den Stellen: „…“.".encode())},
    chain=(ModelStep(provider="extractive", model="extractive"),),
    retrieval={},
    policies={"cost": b"\xff\x00 any bytes"},
    prices=b"{}",
    settings={},
)
BUNDLE = ExportBundle(INPUTS.manifest(IndexPin()), INPUTS.parts(), "Zoë")


def signed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with a change by someone who has the secret."""
    body = json.loads(pack(BUNDLE, SECRET))
    del body["signature"]
    change(body)
    return canonical_json({**body, "signature": _sign(body, SECRET)})


def test_a_release_comes_out_of_its_file_as_it_went_in() -> None:
    assert unpack(pack(BUNDLE, SECRET), SECRET) == BUNDLE


def test_the_order_of_its_parts_does_not_change_the_file() -> None:
    turned = ExportBundle(BUNDLE.manifest, dict(reversed(BUNDLE.parts.items())), BUNDLE.author)
    assert pack(turned, SECRET) == pack(BUNDLE, SECRET)


def test_only_the_content_is_signed_and_not_its_layout() -> None:
    assert unpack(json.dumps(json.loads(pack(BUNDLE, SECRET)), indent=4).encode(), SECRET) == BUNDLE


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'"text"', b"\xff", b"[" * 200_000, b'{"signature":'])
def test_what_is_no_export_is_refused(content: bytes) -> None:
    with pytest.raises(ExportBundleRefused, match="not an exported release"):
        unpack(content, SECRET)


@pytest.mark.parametrize("format_", ["release/2", None, 1])
def test_another_format_is_refused_before_its_signature_is_compared(format_: object) -> None:
    with pytest.raises(ExportBundleRefused, match="another format"):
        unpack(signed(lambda body: body.update(format=format_)), SECRET)


@pytest.mark.parametrize("signature", [None, 7, ["a"], {}])
def test_a_signature_that_is_no_text_is_refused(signature: object) -> None:
    body = {**json.loads(pack(BUNDLE, SECRET)), "signature": signature}
    with pytest.raises(ExportBundleRefused, match="another format"):
        unpack(json.dumps(body).encode(), SECRET)


@pytest.mark.parametrize("signature", ["", "0" * 64, "é", "\ud800"])
def test_a_wrong_signature_is_refused(signature: str) -> None:
    body = {**json.loads(pack(BUNDLE, SECRET)), "signature": signature}
    with pytest.raises(ExportBundleRefused):
        unpack(json.dumps(body).encode(), SECRET)


@pytest.mark.parametrize("name", ["author", "manifest", "parts"])
def test_no_member_of_the_file_can_be_changed_without_the_secret(name: str) -> None:
    body = json.loads(pack(BUNDLE, SECRET))
    body[name] = "someone" if name == "author" else {}
    with pytest.raises(ExportBundleRefused, match="The signature does not match"):
        unpack(json.dumps(body).encode(), SECRET)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["parts"].popitem(),
        lambda body: body["parts"].update({digest_of(b"more"): "bW9yZQ=="}),
        lambda body: body["parts"].update({next(iter(body["parts"])): "b3RoZXI="}),
    ],
)
def test_parts_that_are_not_those_of_the_manifest_are_refused_though_signed(
    change: Callable[[dict[str, Any]], object],
) -> None:
    with pytest.raises(ExportBundleRefused, match="do not match its manifest"):
        unpack(signed(change), SECRET)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["parts"].update({next(iter(body["parts"])): "no base64!"}),
        lambda body: body["parts"].update({next(iter(body["parts"])): None}),
        lambda body: body["manifest"].update(unknown=1),
        lambda body: body["manifest"].pop("code"),
        lambda body: body.update(manifest=None),
        lambda body: body.update(parts=[]),
        lambda body: body.pop("author"),
    ],
)
def test_a_malformed_member_is_refused_though_signed(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(ExportBundleRefused, match="not an exported release"):
        unpack(signed(change), SECRET)
