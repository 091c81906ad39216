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
for each in (answer_list_api, answers_api, conversations_api, openai_api, embeddings_api, responses_api):
    router.routes.extend(each.router.routes)  # not included: the routes would be found in two steps

__all__ = ["router"]
