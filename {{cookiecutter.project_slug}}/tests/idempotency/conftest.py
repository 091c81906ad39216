"""Fixtures of the inference tests."""

from tests.inference.conftest import house, open_service, quoting, service

__all__ = ["house", "open_service", "quoting", "service"]
