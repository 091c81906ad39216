from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.costs.domain.prices import Charge
from app.costs.service import Costs


async def charged(costs: Costs, connection: AsyncConnection, *call: Any, **details: Any) -> Charge:
    """Prices one call and writes its row in the caller's transaction. call, details: as `Costs.row` takes them."""
    row = costs.row(*call, **details)
    await costs.record(connection, [row])
    return row.charge
