from app.llm.service.fallback import AllModelsFailed, FallbackChain, FallbackResult, GuardedModel, StreamStarted

__all__ = ["AllModelsFailed", "FallbackChain", "FallbackResult", "GuardedModel", "StreamStarted"]
