from app.review.service.queue import Reviews

__all__ = ["Reviews"]
