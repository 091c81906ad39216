from app.llm.service.fallback import AllModelsFailed, FallbackChain, FallbackResult, GuardedModel, StreamStarted
from app.llm.service.pseudonymised import PseudonymisedModel

__all__ = ["AllModelsFailed", "FallbackChain", "FallbackResult", "GuardedModel", "PseudonymisedModel", "StreamStarted"]
