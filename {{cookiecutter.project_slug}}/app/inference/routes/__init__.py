from fastapi import APIRouter

from app.inference.routes import (
    answer_list_api,
    answers_api,
    conversations_api,
    embeddings_api,
    openai_api,
    responses_api,
)

router = APIRouter()
router.include_router(answer_list_api.router)
router.include_router(answers_api.router)
router.include_router(conversations_api.router)
router.include_router(openai_api.router)
router.include_router(embeddings_api.router)
router.include_router(responses_api.router)
