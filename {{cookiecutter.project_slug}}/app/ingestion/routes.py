import json
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile

from app.core.cursors import CursorText
from app.core.forms import form_of
from app.core.http import provided
from app.core.openapi import DOWNLOAD
from app.core.text import check_value
from app.identity.domain import GROUP_PATTERN, Principal
from app.identity.service.caller import require
from app.ingestion.domain.documents import DEFAULT_SOURCE, SOURCE_PATTERN, BadUpload, Cursor, Upload, upload_options
from app.ingestion.domain.views import DocumentDetails, OriginalFile, QuarantineEntry
from app.ingestion.schemas import (
    AccessChangeResponse,
    DocumentAccessRequest,
    DocumentPageResponse,
    DocumentResponse,
    QuarantineDecisionRequest,
    QuarantineDecisionResponse,
    QuarantineEntryResponse,
    QuarantinePageResponse,
    SourceAccessRequest,
    SourceAccessResponse,
    UploadedFileResponse,
    UploadResponse,
)
from app.ingestion.service import Ingestion

router = APIRouter(tags=["documents"])

IngestionService = Annotated[Ingestion, provided(Ingestion)]
Writer = Annotated[Principal, require("documents:write")]
Reader = Annotated[Principal, require("documents:read")]
OriginalReader = Annotated[Principal, require("documents:original")]
Sharer = Annotated[Principal, require("documents:share")]
Deleter = Annotated[Principal, require("documents:delete")]
QuarantineReader = Annotated[Principal, require("quarantine:read")]
QuarantineDecider = Annotated[Principal, require("quarantine:decide")]

After = Annotated[CursorText | None, Query()]
Source = Annotated[str, Query(max_length=100, json_schema_extra={"pattern": SOURCE_PATTERN})]
Limit = Annotated[int, Query(ge=1, le=200)]
Note = Annotated[QuarantineDecisionRequest, Body(default_factory=QuarantineDecisionRequest)]


_GROUPS = f"^({GROUP_PATTERN.pattern}(,{GROUP_PATTERN.pattern})*)?$"

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "One or more files.",
                        },
                        "source": {
                            "type": "string",
                            "pattern": f"^$|{SOURCE_PATTERN}",
                            "description": "Source of the files; see policies/data.yaml.",
                        },
                        "metadata": {
                            "type": "string",
                            "description": "JSON object of texts and numbers about all files.",
                        },
                        "access_groups": {
                            "anyOf": [
                                {"type": "array", "items": {"type": "string", "pattern": _GROUPS}},
                                {"type": "string", "pattern": _GROUPS},
                            ],
                            "description": "Who may read them, in several fields or with commas between; an empty "
                            "field means everybody of the tenant. Left out: "
                            "the groups of the document at the address, or those of the source for a new one.",
                        },
                        "uri": {
                            "type": "string",
                            "description": "Address of a single file within its source; its name by default.",
                        },
                    },
                }
            }
        },
    }
}


@router.post("/v1/documents", status_code=202, openapi_extra=_FORM)
async def upload(request: Request, caller: Writer, ingestion: IngestionService) -> UploadResponse:
    """Uploads files. Each file has its own result; documents can be searched after they have been processed."""
    limits = ingestion.deps.security.limits
    async with form_of(request, limits.upload_files + 1) as form:
        files = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        if not files:
            raise BadUpload("The form has no file.", action="Send one or more files in the field 'files'.")
        options = upload_options(_text(form, "source"), _groups(form), _metadata(_text(form, "metadata")))
        uri = _text(form, "uri")
        if uri and len(files) > 1:
            raise BadUpload("'uri' names a single file, and several were sent.")
        uploads = [await _read(file, uri, limits.upload_file_bytes) for file in files]
    results = await ingestion.upload(caller, options, uploads)
    if len(results) == 1 and (problem := results[0].problem):
        raise problem
    return UploadResponse(items=[UploadedFileResponse.of(result) for result in results])


async def _read(file: UploadFile, uri: str | None, max_bytes: int) -> Upload:
    """Read at most one byte more than the limit, which makes a larger file fail its check."""
    name = file.filename or ""
    return Upload(name, await file.read(max_bytes + 1), uri or name)


def _text(form: FormData, name: str) -> str | None:
    """Errors: BadUpload, as one of several values would be chosen by chance."""
    values = form.getlist(name)
    if len(values) > 1:
        raise BadUpload(f"'{name}' stands in the form {len(values)} times.")
    value = values[0] if values else None
    return value if isinstance(value, str) and value else None


def _groups(form: FormData) -> list[str] | None:
    """None where the form has no such field; an empty field means everybody."""
    values = form.getlist("access_groups")
    return [group for value in values for group in str(value).split(",")] if values else None


def _metadata(text: str | None) -> dict[str, Any]:
    try:
        metadata = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise BadUpload("'metadata' is not valid JSON.") from error
    if not isinstance(metadata, dict):
        raise BadUpload("'metadata' is not a JSON object.")
    check_value(metadata, "form.metadata")
    return metadata


@router.get("/v1/documents")
async def list_documents(
    caller: Reader,
    ingestion: IngestionService,
    status: Annotated[str | None, Query(max_length=20)] = None,
    source: Annotated[str | None, Query(max_length=100)] = None,
    after: After = None,
    limit: Limit = 50,
) -> DocumentPageResponse:
    """Documents that you may read, newest first; for operators also unpublished ones and their own uploads."""
    cursor = Cursor.parse(after) if after else None
    documents = await ingestion.list(caller, status=status, source=source, after=cursor, limit=limit)
    return DocumentPageResponse(items=[DocumentResponse.of(each) for each in documents], next=_next(documents, limit))


@router.get("/v1/documents/{document_id}")
async def get_document(document_id: UUID, caller: Reader, ingestion: IngestionService) -> DocumentResponse:
    """One document with its findings."""
    return DocumentResponse.of(await ingestion.get(caller, document_id))


@router.get("/v1/documents/{document_id}/original", response_class=Response, responses=DOWNLOAD)
async def get_document_original(document_id: UUID, caller: OriginalReader, ingestion: IngestionService) -> Response:
    """The published file as uploaded, always as a download. It may hold what is masked or left out of its text."""
    return _download(await ingestion.published_original(caller, document_id))


@router.delete("/v1/documents/{document_id}", status_code=204)
async def delete_document(document_id: UUID, caller: Deleter, ingestion: IngestionService) -> None:
    """Deletes a document: the next search does not find it, in any release."""
    await ingestion.delete(caller, document_id)


@router.put("/v1/documents/{document_id}/access")
async def set_document_access(
    document_id: UUID, body: DocumentAccessRequest, caller: Sharer, ingestion: IngestionService
) -> AccessChangeResponse:
    """Sets who may read a document and everything derived from it, from the next request on, in every release."""
    return AccessChangeResponse.model_validate(await ingestion.set_access(caller, document_id, body.access_groups))


@router.put("/v1/sources/access")
async def set_source_access(
    body: SourceAccessRequest, caller: Sharer, ingestion: IngestionService
) -> AccessChangeResponse:
    """Replaces the access list of a source: the documents that it names follow from the next request on, all of them
    or, where one may not be opened by the caller, none."""
    rules = [(rule.uri, rule.access_groups) for rule in body.rules]
    return AccessChangeResponse.model_validate(await ingestion.set_source_access(caller, body.source, rules))


@router.get("/v1/sources/access")
async def get_source_access(
    caller: Sharer,
    ingestion: IngestionService,
    source: Source = DEFAULT_SOURCE,
) -> SourceAccessResponse:
    """The access list of a source; without rules where none was set."""
    return SourceAccessResponse.model_validate(await ingestion.get_source_access(caller, source))


@router.get("/v1/quarantine")
async def list_quarantine(
    caller: QuarantineReader,
    ingestion: IngestionService,
    reason: Annotated[str | None, Query(max_length=50)] = None,
    waiting: Annotated[bool, Query(description="Only entries without a decision.")] = True,
    after: After = None,
    limit: Limit = 50,
) -> QuarantinePageResponse:
    """Quarantined versions, newest first, with their reasons."""
    cursor = Cursor.parse(after) if after else None
    entries = await ingestion.list_quarantine(caller, reason=reason, undecided=waiting, after=cursor, limit=limit)
    return QuarantinePageResponse(
        items=[QuarantineEntryResponse.of(each) for each in entries], next=_next(entries, limit)
    )


@router.get("/v1/quarantine/{entry}")
async def get_quarantine(entry: UUID, caller: QuarantineReader, ingestion: IngestionService) -> QuarantineEntryResponse:
    """One entry."""
    return QuarantineEntryResponse.of(await ingestion.get_quarantine(caller, entry))


@router.get("/v1/quarantine/{entry}/original", response_class=Response, responses=DOWNLOAD)
async def get_quarantine_original(entry: UUID, caller: QuarantineReader, ingestion: IngestionService) -> Response:
    """The bytes as uploaded, always as a download."""
    return _download(await ingestion.original(caller, entry))


@router.post("/v1/quarantine/{entry}/release", status_code=202)
async def release(
    entry: UUID, caller: QuarantineDecider, ingestion: IngestionService, body: Note
) -> QuarantineDecisionResponse:
    """Processes the document again without the gate that quarantined it."""
    return QuarantineDecisionResponse(document_id=await ingestion.release(caller, entry, body.note), status="received")


@router.post("/v1/quarantine/{entry}/discard")
async def discard(
    entry: UUID, caller: QuarantineDecider, ingestion: IngestionService, body: Note
) -> QuarantineDecisionResponse:
    """Discards the version: its bytes are deleted, the entry is kept as a record."""
    return QuarantineDecisionResponse(document_id=await ingestion.discard(caller, entry, body.note), status="discarded")


def _download(file: OriginalFile) -> Response:
    """The bytes as a download that no browser shows, guesses the kind of, or runs anything of."""
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return Response(file.data, 200, headers, "application/octet-stream")


def _next(items: Sequence[DocumentDetails | QuarantineEntry], limit: int) -> str | None:
    return Cursor(items[-1].created_at, items[-1].id).text() if len(items) == limit else None
