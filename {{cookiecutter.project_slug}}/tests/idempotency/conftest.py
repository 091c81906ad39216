"""The service that answers, as the tests of inference start it."""

from tests.inference.conftest import house, open_service, quoting, service

__all__ = ["house", "open_service", "quoting", "service"]
