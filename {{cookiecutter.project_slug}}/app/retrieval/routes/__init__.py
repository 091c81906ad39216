from fastapi import APIRouter

from app.retrieval.routes import document_text_api, search_api
from app.retrieval.routes.room_api import room_router

router = APIRouter()
router.include_router(search_api.router)
router.include_router(document_text_api.router)

__all__ = ["room_router", "router"]
