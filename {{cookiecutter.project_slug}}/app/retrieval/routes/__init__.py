from app.retrieval.routes.room_api import room_router
from app.retrieval.routes.search_api import router

__all__ = ["room_router", "router"]
