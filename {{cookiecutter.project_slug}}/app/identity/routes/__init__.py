from fastapi import APIRouter

from app.identity.routes import keys_api, scim_api

router = APIRouter()
router.include_router(keys_api.router)
router.include_router(scim_api.router)
