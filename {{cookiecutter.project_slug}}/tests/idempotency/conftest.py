"""Fixtures of the inference tests."""

from tests.inference.conftest import house, open_service, quoting, service, shared_services

__all__ = ["house", "open_service", "quoting", "service", "shared_services"]
