from pydantic import Field

from app.core.base_models import ExactModel


class RetentionRules(ExactModel):
    """For how many days each kind of content is kept; null keeps it until it is erased."""

    answers: int | None = Field(
        None,
        ge=1,
        description="Questions and answers with their reviews, actions, feedback and turns, from the question on.",
    )
    quarantined_files: int | None = Field(
        None, ge=1, description="Quarantine entries that nobody decided, with their original files."
    )
    deleted_documents: int | None = Field(
        None, ge=1, description="Names, addresses and findings of documents after their deletion."
    )
    tickets: int | None = Field(None, ge=1, description="Closed tickets with their notes, from their creation on.")
    evaluation_results: int | None = Field(None, ge=1, description="Answers to the cases of evaluations.")
    failed_jobs: int | None = Field(None, ge=1, description="Arguments of jobs that failed for good.")
