from fastapi import Request

from app.releases.domain import PRODUCTION, STAGING, check_environment

HEADER = "x-environment"


def environment_of(request: Request) -> str | None:
    """What the header X-Environment asks for; None for production. Errors: UnknownEnvironment."""
    asked = request.headers.get(HEADER)
    return None if asked is None or check_environment(asked.strip().lower()) == PRODUCTION else STAGING
