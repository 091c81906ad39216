import json
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile

from app.core.forms import form_of
from app.core.http import provided
from app.core.text import check_value
from app.identity.domain import Principal
from app.identity.service import require
from app.ingestion.domain.documents import BadUpload, Cursor, Upload, UploadResult, upload_options
from app.ingestion.schemas import (
    DocumentPageResponse,
    DocumentResponse,
    FileProblemResponse,
    QuarantineDecisionRequest,
    QuarantineDecisionResponse,
    QuarantineEntryResponse,
    QuarantinePageResponse,
    UploadedFileResponse,
    UploadResponse,
)
from app.ingestion.service import Ingestion

router = APIRouter(tags=["documents"])

Room = Annotated[Ingestion, provided(Ingestion)]
Writer = Annotated[Principal, require("documents:write")]
Reader = Annotated[Principal, require("documents:read")]
Remover = Annotated[Principal, require("documents:delete")]
Looker = Annotated[Principal, require("quarantine:read")]
Decider = Annotated[Principal, require("quarantine:decide")]

After = Annotated[str | None, Query(max_length=200, description="'next' of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]
Note = Annotated[QuarantineDecisionRequest, Body(default_factory=QuarantineDecisionRequest)]


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
                            "items": {"type": "string", "format": "binary"},
                            "description": "One or more files.",
                        },
                        "source": {"type": "string", "description": "Where they come from; see policies/data.yaml."},
                        "metadata": {
                            "type": "string",
                            "description": "JSON object of texts and numbers about all files.",
                        },
                        "access_groups": {
                            "type": "array",
                            "items": {"type": "string"},
                            "description": "Who may read them; an empty field: everybody of the tenant. Left out: "
                            "whoever may read what is at the address now, or whom the source names for a new one.",
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
async def upload(request: Request, caller: Writer, room: Room) -> UploadResponse:
    """Takes files in. Each is answered for by itself; the documents are served once they have been processed."""
    limits = room.deps.security.limits
    async with form_of(request, limits.upload_files + 1) as form:
        files = [part for _, part in form.multi_items() if isinstance(part, UploadFile)]
        if not files:
            raise BadUpload("The form holds no file.", action="Send one or more files in the field 'files'.")
        common = upload_options(_text(form, "source"), _groups(form), _metadata(_text(form, "metadata")))
        uri = _text(form, "uri")
        if uri and len(files) > 1:
            raise BadUpload("'uri' names a single file, and several were sent.")
        uploads = [await _read(file, uri, limits.upload_file_bytes) for file in files]
    accepted = await room.accept(caller, common, uploads)
    if len(accepted) == 1 and (problem := accepted[0].problem):
        raise problem
    return UploadResponse(items=[_shown(item) for item in accepted])


async def _read(file: UploadFile, uri: str | None, most: int) -> Upload:
    """Reads no more of a file than one byte past what any file may have: that byte makes it too large."""
    name = file.filename or ""
    return Upload(name, await file.read(most + 1), uri or name)


def _text(form: FormData, name: str) -> str | None:
    value = form.get(name)
    return value if isinstance(value, str) and value else None


def _groups(form: FormData) -> list[str] | None:
    """None where the form says nothing of them; an empty field says everybody."""
    given = form.getlist("access_groups")
    return [group for each in given for group in str(each).split(",")] if given else None


def _metadata(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise BadUpload("'metadata' is not valid JSON.") from error
    if not isinstance(found, dict):
        raise BadUpload("'metadata' is not a JSON object.")
    check_value(found, "form.metadata")
    return found


def _shown(item: UploadResult) -> UploadedFileResponse:
    problem = None
    if found := item.problem:
        problem = FileProblemResponse(
            status=found.status, code=found.code, title=found.title, detail=found.detail, action=found.what_to_do
        )
    return UploadedFileResponse(
        id=item.id,
        version=item.version,
        status=item.status,
        name=item.name,
        source=item.source,
        access_groups=list(item.access_groups),
        duplicate_of=item.duplicate_of,
        flagged=item.flagged,
        problem=problem,
    )


@router.get("/v1/documents")
async def list_documents(
    caller: Reader,
    room: Room,
    status: Annotated[str | None, Query(max_length=20)] = None,
    source: Annotated[str | None, Query(max_length=100)] = None,
    after: After = None,
    limit: Limit = 50,
) -> DocumentPageResponse:
    """Documents that you may read, newest first; for operators also those not served yet, and what they brought in."""
    cursor = Cursor.parse(after) if after else None
    rows = await room.list(caller, status=status, source=source, after=cursor, limit=limit)
    return DocumentPageResponse(items=[DocumentResponse.of(row) for row in rows], next=_next(rows, limit))


@router.get("/v1/documents/{document_id}")
async def get_document(document_id: UUID, caller: Reader, room: Room) -> DocumentResponse:
    """One document with what was found in it."""
    return DocumentResponse.of(await room.get(caller, document_id))


@router.delete("/v1/documents/{document_id}", status_code=204)
async def delete_document(document_id: UUID, caller: Remover, room: Room) -> None:
    """Takes a document away: the next search does not find it, in any release."""
    await room.delete(caller, document_id)


@router.get("/v1/quarantine")
async def list_quarantine(
    caller: Looker,
    room: Room,
    reason: Annotated[str | None, Query(max_length=50)] = None,
    waiting: Annotated[bool, Query(description="Only entries without a decision.")] = True,
    after: After = None,
    limit: Limit = 50,
) -> QuarantinePageResponse:
    """What was held back, newest first, with its reason."""
    cursor = Cursor.parse(after) if after else None
    rows = await room.quarantine(caller, reason=reason, waiting=waiting, after=cursor, limit=limit)
    return QuarantinePageResponse(items=[QuarantineEntryResponse.of(row) for row in rows], next=_next(rows, limit))


@router.get("/v1/quarantine/{entry}")
async def get_quarantine(entry: UUID, caller: Looker, room: Room) -> QuarantineEntryResponse:
    """One entry."""
    return QuarantineEntryResponse.of(await room.held(caller, entry))


@router.get("/v1/quarantine/{entry}/original", response_class=Response)
async def get_original(entry: UUID, caller: Looker, room: Room) -> Response:
    """The bytes as they came in, always as a download."""
    row = await room.original(caller, entry)
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(row['name'], safe='')}",
        "x-content-type-options": "nosniff",
    }
    return Response(bytes(row["bytes"]), 200, headers, "application/octet-stream")


@router.post("/v1/quarantine/{entry}/release", status_code=202)
async def release(entry: UUID, caller: Decider, room: Room, body: Note) -> QuarantineDecisionResponse:
    """Lets the document through the gate that held it and processes it again."""
    return QuarantineDecisionResponse(document_id=await room.release(caller, entry, body.note), status="received")


@router.post("/v1/quarantine/{entry}/discard")
async def discard(entry: UUID, caller: Decider, room: Room, body: Note) -> QuarantineDecisionResponse:
    """Ends it: the bytes are dropped, the entry stays as a record."""
    return QuarantineDecisionResponse(document_id=await room.discard(caller, entry, body.note), status="discarded")


def _next(rows: Sequence[Any], limit: int) -> str | None:
    return Cursor(rows[-1]["created_at"], rows[-1]["id"]).text() if len(rows) == limit else None
