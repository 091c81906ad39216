from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.costs.domain.prices import ModelPrice, PricedModel


class PriceList(Protocol):
    def find(self, model: PricedModel, at: datetime) -> ModelPrice | None:
        """The published price of a model at a moment, in USD per million tokens; None when there is none.

        Where a price changes with the hour of the day, the highest one. Never goes to the network.
        """
        ...


class Resolutions(Protocol):
    async def resolved(self, connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> int:
        """The number of resolved answers of these days, both included: no refusal, not rejected by a reviewer or still
        under review, and not rated unhelpful in the end.
        """
        ...
