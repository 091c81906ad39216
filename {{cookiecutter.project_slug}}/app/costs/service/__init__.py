from app.costs.repository import answer_statements
from app.costs.service.budget_limits import Budgets
from app.costs.service.ledger import Costs, make_price_table
from app.costs.service.reservations import Reservations

__all__ = ["Budgets", "Costs", "Reservations", "answer_statements", "make_price_table"]
