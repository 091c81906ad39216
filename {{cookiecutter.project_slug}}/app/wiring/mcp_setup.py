from collections.abc import Callable, Sequence

from app.actions.domain import ActionPolicy
from app.actions.service import ExternalActions
from app.adapters.mcp.deferred_client import DeferredToolServers
from app.core.database import Database
from app.idempotency.service import IdempotencyKeys
from app.inference.service import Answers
from app.inference.service.client_actions import ClientActions
from app.mcp.domain.sources import AllowedSources, ProtectedResource
from app.mcp.service import AnswerTool, ReadDocumentTool, SearchTool, ToolServer
from app.retrieval.service.live_search import LiveSearch
from app.settings import Settings


def tool_services(
    settings: Settings, database: Database, answers: Answers, keys: IdempotencyKeys, searches: LiveSearch
) -> tuple[ToolServer, AllowedSources, ProtectedResource]:
    """What the routes of the MCP server need."""
    built_in = (AnswerTool(answers, keys), ReadDocumentTool(searches), SearchTool(searches))
    return (
        ToolServer(built_in, ClientActions(database, answers)),
        AllowedSources(settings.mcp_hosts, settings.mcp_origins, settings.public_url),
        ProtectedResource(settings.public_url, settings.oidc_issuer),
    )


def make_external_actions(
    settings: Settings, live_policy: Callable[[], ActionPolicy], other_policies: Callable[[], Sequence[ActionPolicy]]
) -> ExternalActions:
    """The tools of other servers that the policies of the live release and of the other served ones accept."""
    secrets = {name: value.get_secret_value() for name, value in settings.mcp_secrets.items()}
    return ExternalActions(DeferredToolServers(secrets, settings.outbound), live_policy, other_policies)
