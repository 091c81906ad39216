from app.actions.service.booking import ENDED, Actions
from app.actions.service.tickets import SHIPPED, Tickets

__all__ = ["ENDED", "SHIPPED", "Actions", "Tickets"]
