from app.identity.service.console_sessions import ConsoleSessions
from app.identity.service.keys import Identity
from app.identity.service.provisioned_accounts import Provisioning
from app.identity.service.token_authentication import TokenAuthentication

__all__ = ["ConsoleSessions", "Identity", "Provisioning", "TokenAuthentication"]
