from fastapi import Request

from app.releases.domain import PRODUCTION, STAGING, check_environment

HEADER = "x-environment"


def environment_of(request: Request) -> str | None:
    """The environment named by the header X-Environment; None for production. Errors: EnvironmentNotFound."""
    name = request.headers.get(HEADER)
    return None if name is None or check_environment(name.strip().lower()) == PRODUCTION else STAGING
