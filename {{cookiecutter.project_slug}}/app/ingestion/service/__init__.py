from app.ingestion.service.ingestion import Ingestion

__all__ = ["Ingestion"]
