from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import Request
from starlette.datastructures import UploadFile

from app.core.errors import BadRequest, Invalid
from app.core.forms import form_of

END = b"--x--\r\n"


def part(name: str, content: bytes = b"tea", filename: str | None = None) -> bytes:
    named = f'; filename="{filename}"' if filename is not None else ""
    return f'--x\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + content + b"\r\n"


def request(*chunks: bytes, kind: str = "multipart/form-data; boundary=x", whole: bool = True) -> Request:
    messages: list[Mapping[str, Any]] = [{"type": "http.request", "body": each, "more_body": True} for each in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False} if whole else {"type": "http.disconnect"})
    left = iter(messages)

    async def receive() -> Mapping[str, Any]:
        return next(left)

    headers = [(b"content-type", kind.encode())] if kind else []
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "app": object()}
    return Request(scope, receive)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "Multipart/Form-Data; Boundary=x"])
async def test_fields_and_files_are_read_and_the_files_closed_afterwards(kind: str) -> None:
    body = part("title") + part("file", b"\x00\xff", "Grüße.bin") + END
    async with form_of(request(body[:50], body[50:], kind=kind), max_files=1) as form:
        assert form["title"] == "tea"
        file = form["file"]
        assert isinstance(file, UploadFile)
        assert (file.filename, await file.read()) == ("Grüße.bin", b"\x00\xff")
    assert file.file.closed


@pytest.mark.parametrize("kind", ["", "application/json", "application/x-www-form-urlencoded", "multipart/mixed"])
async def test_another_type_of_body_is_refused_unread(kind: str) -> None:
    with pytest.raises(BadRequest, match="not a multipart form"):
        async with form_of(request(whole=False, kind=kind), max_files=1):
            pass


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (part("a", filename="1") + part("b", filename="2") + END, "Too many files"),
        (b"".join(part(f"f{number}") for number in range(201)) + END, "Too many fields"),
        (part("a", b"x" * 2_000_000) + END, "exceeded maximum size"),
        (b"--y\r\n", "The form cannot be read"),
        (b"no form at all", "The form cannot be read"),
    ],
)
async def test_a_form_beyond_its_limits_or_malformed_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        async with form_of(request(body), max_files=1):
            pass


async def test_a_form_without_a_boundary_is_refused() -> None:
    with pytest.raises(BadRequest, match="Missing boundary"):
        async with form_of(request(kind="multipart/form-data"), max_files=1):
            pass


async def test_a_connection_that_ends_within_the_form_is_no_failure_of_the_service() -> None:
    with pytest.raises(BadRequest, match="ended before the form was complete"):
        async with form_of(request(part("a"), whole=False), max_files=1):
            pass


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (part("a", b"te\x00a"), "form.a"),
        (part("a\0b"), "form"),
        (part("file", b"any\x00bytes", "na\0me"), "form.file"),
    ],
)
async def test_text_that_cannot_be_stored_is_refused_and_the_field_named(body: bytes, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        async with form_of(request(body + END), max_files=1):
            pass
    assert [each["field"] for each in refused.value.extra["errors"]] == [field]


async def test_files_are_closed_when_the_work_with_them_fails() -> None:
    files = []
    with pytest.raises(RuntimeError):
        async with form_of(request(part("file", b"x", "a") + END), max_files=1) as form:
            files += [each for each in form.values() if isinstance(each, UploadFile)]
            raise RuntimeError
    assert [each.file.closed for each in files] == [True]
