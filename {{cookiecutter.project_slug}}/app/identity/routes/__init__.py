from fastapi import APIRouter

from app.identity.routes import keys_api, scim_api

router = APIRouter()
for each in (keys_api, scim_api):
    router.routes.extend(each.router.routes)

__all__ = ["router"]
