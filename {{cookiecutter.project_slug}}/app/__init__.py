"""The service. Start reading at `main.py`; the map of the rooms is docs/explanation/architecture.md."""

__version__ = "0.1.0"
