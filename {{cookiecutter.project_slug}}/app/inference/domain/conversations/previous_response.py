from app.core.errors import NotFound

MOST_TURNS = 10


class PreviousResponseNotFound(NotFound):
    code, title, param = "previous_response_not_found", "There is no such earlier response", "previous_response_id"
    action = "Name a response that the same key got and may still read, or send the conversation in `input`."
