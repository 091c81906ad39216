from app.retrieval.service.retrieval import Retrieval, make_retrieval

__all__ = ["Retrieval", "make_retrieval"]
