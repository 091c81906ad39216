from datetime import datetime
from typing import Protocol

from app.costs.domain import ModelPrice, PricedModel


class PriceList(Protocol):
    def find(self, wanted: PricedModel, at: datetime) -> ModelPrice | None:
        """The published price of a model at that moment, in USD per million tokens; None when there is none.

        Where a price changes with the hour of the day, the highest one. Never goes to the network.
        """
        ...
