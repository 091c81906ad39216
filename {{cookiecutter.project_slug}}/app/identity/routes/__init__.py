from fastapi import APIRouter

from app.identity.routes import keys, scim

router = APIRouter()
router.include_router(keys.router)
router.include_router(scim.router)
