from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.core.http import provided
from app.core.times import Day
from app.costs.domain.budgets import SERVICE, Budget
from app.costs.schemas import (
    BudgetGrantRequest,
    BudgetLimitRequest,
    BudgetRequest,
    BudgetResponse,
    CostsResponse,
    UnitCostsResponse,
    as_csv,
)
from app.costs.service import Costs
from app.identity.domain import Principal
from app.identity.service import Identity
from app.identity.service.caller import require

router = APIRouter(tags=["costs"])

BUDGET_PERMISSION = "service:budgets"

Operator = Annotated[Principal, require("costs:read")]
BudgetManager = Annotated[Principal, require("budgets:manage")]
BudgetOwner = Annotated[Principal, require(BUDGET_PERMISSION)]
Identities = Annotated[Identity, provided(Identity)]
Service = Annotated[Costs, provided(Costs)]
DayOf = Annotated[Day | None, Query(description="A day as 2026-01-31, in the time zone of policies/cost.yaml.")]


@router.get("/v1/costs")
async def costs(caller: Operator, service: Service, since: DayOf = None, until: DayOf = None) -> CostsResponse:
    """What the caller's tenant spent, by day, feature, model, release, key and person. Without dates: the last 30
    days."""
    totals = await service.totals(caller.tenant_id, since, until)
    return CostsResponse.of(totals, service.policy.monthly_budget_usd, service.table.digest)


@router.get("/v1/costs/units")
async def units(caller: Operator, service: Service, since: DayOf = None, until: DayOf = None) -> UnitCostsResponse:
    """What one answer, resolved answer, document and evaluation cost the caller's tenant, and a whole month."""
    return UnitCostsResponse.of(await service.units(caller.tenant_id, since, until))


@router.get("/v1/costs.csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
async def costs_as_csv(caller: Operator, service: Service, since: DayOf = None, until: DayOf = None) -> Response:
    """The same as `GET /v1/costs`, as CSV: one line for each day, feature, model, release, environment, key and
    person, and one for each kind of unit."""
    totals = await service.totals(caller.tenant_id, since, until)
    return Response(
        as_csv(totals, await service.units(caller.tenant_id, since, until)), media_type="text/csv; charset=utf-8"
    )


@router.get("/v1/budgets")
async def budgets(caller: Operator, service: Service) -> list[BudgetResponse]:
    """The budgets of the caller's tenant by day and by month with their current use; with the role service also those
    of the whole service."""
    scopes = {caller.tenant_id, SERVICE} if caller.may(BUDGET_PERMISSION) else {caller.tenant_id}
    budgets = await service.budgets.current(caller.tenant_id)
    return [_view(service, each) for each in budgets if each.scope in scopes]


@router.put("/v1/budgets")
async def set_budget(
    caller: BudgetManager, service: Service, identity: Identities, body: BudgetLimitRequest
) -> BudgetResponse:
    """Sets a limit, from now on and in every window to come. The role service sets what the service and each tenant
    are allowed; null gives it back to policies/cost.yaml. An admin sets less than that for its own tenant; null takes
    it back. Audited."""
    if body.beyond:
        caller.require(BUDGET_PERMISSION)
    if caller.may(BUDGET_PERMISSION):
        scope = await _scope(identity, caller, body)
        budget = await service.budgets.set(caller.name, scope, body.span, body.micro_usd, body.reason)
    else:
        own = (caller.name, caller.tenant_id, body.span, body.micro_usd, body.reason)
        budget = await service.budgets.set_own(*own)
    return _view(service, budget)


@router.post("/v1/budgets/grants")
async def grant_budget(
    caller: BudgetOwner, service: Service, identity: Identities, body: BudgetGrantRequest
) -> BudgetResponse:
    """Adds money to what is allowed for the window that is open now, and no longer. Audited."""
    scope = await _scope(identity, caller, body)
    budget = await service.budgets.grant(caller.name, scope, body.span, body.micro_usd, body.reason)
    return _view(service, budget)


async def _scope(identity: Identity, caller: Principal, body: BudgetRequest) -> UUID:
    if body.scope == "service":
        return SERVICE
    return caller.tenant_id if body.tenant is None else await identity.tenant(body.tenant)


def _view(service: Costs, budget: Budget) -> BudgetResponse:
    return BudgetResponse.of(budget, service.budgets.state(budget))
