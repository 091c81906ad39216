from fastapi import APIRouter

from app.inference.routes import answers_api, openai_api

router = APIRouter()
router.include_router(answers_api.router)
router.include_router(openai_api.router)
