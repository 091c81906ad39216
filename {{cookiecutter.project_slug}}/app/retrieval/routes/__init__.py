from fastapi import APIRouter

from app.retrieval.routes import document_text_api, search_api
from app.retrieval.routes.room_api import room_router

router = APIRouter()
for each in (search_api, document_text_api):
    router.routes.extend(each.router.routes)

__all__ = ["room_router", "router"]
