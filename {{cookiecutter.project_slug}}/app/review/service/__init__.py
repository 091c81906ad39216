from app.review.service.decisions import ReviewDecisions
from app.review.service.golden_suite import GoldenSuite
from app.review.service.lifecycle import ReviewLifecycle
from app.review.service.queue import ReviewDetail, ReviewQueue
from app.review.service.reviews import Reviews

__all__ = ["GoldenSuite", "ReviewDecisions", "ReviewDetail", "ReviewLifecycle", "ReviewQueue", "Reviews"]
