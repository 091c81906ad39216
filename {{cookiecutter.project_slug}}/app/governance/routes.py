from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from app.core.http import provided
from app.core.openapi import JSON_OBJECT
from app.core.text import LARGEST
from app.governance.schemas import (
    ApprovalCreatedResponse,
    ApprovalListResponse,
    ApprovalReasonRequest,
    ApprovalRequest,
    ApprovalResponse,
    AttestationRequest,
    AuditHeadResponse,
    AuditPageResponse,
    EmergencyResponse,
    ReadinessResponse,
    StatementResponse,
    WaiverRequest,
    WithdrawalRequest,
)
from app.governance.service import Approvals, AuditLog, Overview, Readiness
from app.governance.service.html_card import STYLE, html_card
from app.governance.service.html_readiness import html_readiness
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.releases.service import Releases

router = APIRouter(tags=["governance"])

WHOLE = "service:audit"

Approver = Annotated[Principal, require("releases:approve")]
Reader = Annotated[Principal, require("releases:read")]
Auditor = Annotated[Principal, require("audit:read")]
ServiceAuditor = Annotated[Principal, require(WHOLE)]
GovernanceReader = Annotated[Principal, require("governance:read")]
GovernanceWriter = Annotated[Principal, require("governance:write")]
Page = Annotated[Overview, provided(Overview)]
Checks = Annotated[Readiness, provided(Readiness)]
Service = Annotated[Approvals, provided(Approvals)]
Below = Annotated[int | None, Query(ge=0, le=LARGEST)]
Log = Annotated[AuditLog, provided(AuditLog)]
ReleaseService = Annotated[Releases, provided(Releases)]


@router.get("/v1/releases/{release_id}/approvals")
async def list_approvals(
    release_id: str, _: Reader, approvals: Service, releases: ReleaseService
) -> ApprovalListResponse:
    """The approvals of a release, with their reports and expiry, and what the release lacks now."""
    release = await releases.find(release_id)
    return ApprovalListResponse.of(await approvals.of_release(release.id), await approvals.lacking(release))


@router.post("/v1/releases/{release_id}/approvals", status_code=201)
async def approve(
    release_id: str, body: ApprovalRequest, caller: Approver, approvals: Service
) -> ApprovalCreatedResponse:
    """Approves a release on its newest report, under the name of the key. Nobody approves what they made themselves."""
    approval, lacking = await approvals.approve(
        caller, release_id, body.reason, report=body.report, expires=body.expires_at
    )
    return ApprovalCreatedResponse(approval=ApprovalResponse.model_validate(approval), lacking=lacking)


@router.post("/v1/releases/{release_id}/rejection", status_code=204)
async def reject(release_id: str, body: ApprovalReasonRequest, caller: Approver, approvals: Service) -> None:
    """Ends a release that is not live; only a new evaluation opens it again."""
    await approvals.reject(caller, release_id, body.reason)


@router.post("/v1/governance/break-glass/{approval_id}/review", status_code=201)
async def review_break_glass(
    approval_id: UUID, body: ApprovalReasonRequest, caller: Approver, approvals: Service
) -> EmergencyResponse:
    """Reviews a release that went live without approval. Whoever activated it cannot review it."""
    return EmergencyResponse.of(await approvals.review(caller, approval_id, body.reason))


@router.get("/v1/governance", responses=JSON_OBJECT)
async def governance(_: GovernanceReader, overview: Page) -> Response:
    """The model card and the risk register as JSON, generated from the live release."""
    return Response(orjson.dumps((await overview.card()).as_dict(), default=str), media_type="application/json")


@router.get("/v1/governance/card", response_class=HTMLResponse)
async def governance_card(_: GovernanceReader, overview: Page) -> HTMLResponse:
    """The same as an HTML page, which loads nothing from other hosts."""
    return HTMLResponse(html_card(await overview.card()), headers=STYLE.headers)


@router.get("/v1/readiness")
async def readiness(_: GovernanceReader, checks: Checks) -> ReadinessResponse:
    """The twelve questions, each answered by checks of live evidence. What cannot be shown is red."""
    return ReadinessResponse.of(await checks.report())


@router.get("/v1/readiness/page", response_class=HTMLResponse)
async def readiness_page(_: GovernanceReader, checks: Checks) -> HTMLResponse:
    """The same as an HTML page, which loads nothing from other hosts."""
    return HTMLResponse(html_readiness(await checks.report()), headers=STYLE.headers)


@router.post("/v1/readiness/checks/{check_id}/attestations", status_code=201)
async def attest_check(
    check_id: str, body: AttestationRequest, caller: GovernanceWriter, checks: Checks
) -> StatementResponse:
    """Attests what only a person can know. It ends on its date, and when what was attested changes."""
    statement = await checks.attest(caller, check_id, body.reason, body.owner, body.expires_at)
    return StatementResponse.model_validate(statement)


@router.post("/v1/readiness/checks/{check_id}/waivers", status_code=201)
async def waive_check(
    check_id: str, body: WaiverRequest, caller: GovernanceWriter, checks: Checks
) -> StatementResponse:
    """Lets a red check count as amber until a date. It is red again afterwards."""
    return StatementResponse.model_validate(
        await checks.waive(caller, check_id, body.reason, body.owner, body.expires_at)
    )


@router.post("/v1/readiness/checks/{check_id}/withdrawals", status_code=201)
async def withdraw_statement(
    check_id: str, body: WithdrawalRequest, caller: GovernanceWriter, checks: Checks
) -> StatementResponse:
    """Ends an attestation or a waiver at once."""
    return StatementResponse.model_validate(await checks.withdraw(caller, body.kind, check_id, body.reason))


@router.get("/v1/audit")
async def audit_log(
    caller: Auditor, log: Log, limit: Annotated[int, Query(ge=1, le=500)] = 100, below: Below = None
) -> AuditPageResponse:
    """Acts of control, the newest first: all of them with the role service, else those of the caller's tenant."""
    return AuditPageResponse.of(await log.page(limit, below, None if caller.may(WHOLE) else caller.tenant_id), limit)


@router.get("/v1/audit/head")
async def audit_head(_: ServiceAuditor, log: Log) -> AuditHeadResponse:
    """The sequence number and hash of the newest line, to be kept outside the database."""
    return AuditHeadResponse.of(await log.head())
