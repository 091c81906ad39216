from pydantic import Field

from app.core.base_models import ExactModel


class HealthPolicy(ExactModel):
    """When data counts as unhealthy."""

    alpha: float = Field(
        0.05, gt=0, lt=1, description="Chance of any false alarm of a volume or a share within 30 days."
    )
    days: int = Field(28, ge=7, le=90, description="The days before, which say what is usual.")
    min_days: int = Field(3, ge=2, le=28, description="Days with arrivals that a source must have had.")
    min_cases: int = Field(20, ge=1, le=100_000, description="Fewer versions, documents or answers say nothing.")
    max_gap_factor: float = Field(
        2.0, ge=1, le=100, description="A source is silent after this many times its longest gap."
    )
    min_rise: float = Field(0.05, ge=0, lt=1, description="The least rise of a share that is an alarm.")
    max_process_hours: float = Field(1.0, gt=0, le=168, description="How long a version may wait or be processed.")
    max_never_cited: float = Field(
        0.9, gt=0, le=1, description="The largest share of documents that no answer of the days cites."
    )
