from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.costs.domain.prices import ModelPrice, PricedModel


class PriceList(Protocol):
    def find(self, wanted: PricedModel, at: datetime) -> ModelPrice | None:
        """The published price of a model at that moment, in USD per million tokens; None when there is none.

        Where a price changes with the hour of the day, the highest one. Never goes to the network.
        """
        ...


class Resolutions(Protocol):
    async def resolved(self, connection: AsyncConnection, tenant: UUID, since: date, until: date, zone: str) -> int:
        """How many questions of these days, both included, got an answer that settled them: no refusal, nothing that
        a reviewer rejected or has yet to see, and nothing that its asker called unhelpful in the end.
        """
        ...
