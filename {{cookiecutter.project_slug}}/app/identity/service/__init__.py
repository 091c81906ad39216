from app.identity.service.caller import connection_for, require
from app.identity.service.keys import Identity

__all__ = ["Identity", "connection_for", "require"]
