from fastapi import APIRouter

from app.monitoring.routes import business_api, objectives_api, traffic_api

router = APIRouter()
for each in (objectives_api, business_api, traffic_api):
    router.routes.extend(each.router.routes)

__all__ = ["router"]
