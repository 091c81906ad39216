from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from app.core.http import provided
from app.costs.schemas import CostsView
from app.costs.service import Costs
from app.identity.domain import Principal
from app.identity.service import require

router = APIRouter(tags=["costs"])

Operator = Annotated[Principal, require("costs:read")]
Service = Annotated[Costs, provided(Costs)]
Day = Annotated[
    date | None,
    Query(
        ge=date(2000, 1, 1),
        le=date(2999, 12, 31),
        description="A day as 2026-01-31, in the time zone of policies/cost.yaml.",
    ),
]


@router.get("/v1/costs")
async def costs(caller: Operator, service: Service, since: Day = None, until: Day = None) -> CostsView:
    """What the caller's tenant spent, by day, feature, model and release; without dates, the last 30 days."""
    totals = await service.totals(caller.tenant_id, since, until)
    return CostsView.of(totals, service.policy.monthly_budget_usd, service.table.digest)
