from fastapi import APIRouter

from app.monitoring.routes import error_budgets_api, failure_patterns_api

router = APIRouter()
for each in (error_budgets_api, failure_patterns_api):
    router.include_router(each.router)

__all__ = ["router"]
