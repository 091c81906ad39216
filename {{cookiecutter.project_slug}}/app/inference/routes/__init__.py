from fastapi import APIRouter

from app.inference.routes import answers, openai

router = APIRouter()
router.include_router(answers.router)
router.include_router(openai.router)
