from fastapi import APIRouter

from app.actions.routes import actions, tickets

router = APIRouter()
router.include_router(actions.router)
router.include_router(tickets.router)
