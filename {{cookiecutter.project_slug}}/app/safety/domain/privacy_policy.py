from typing import ClassVar

from pydantic import Field

from app.core.policies import PolicyModel
from app.core.retention import RetentionRules
from app.safety.domain.personal_data.rules import PersonalDataRules


class PrivacyPolicy(PolicyModel):
    """policies/privacy.yaml: what happens to personal data, and how long content is kept."""

    removed_keys: ClassVar[frozenset[str]] = frozenset({"logs", "traces"})

    personal_data: PersonalDataRules = Field(PersonalDataRules(), description="Personal data in texts.")
    retention: RetentionRules = Field(RetentionRules(), description="Days for which content is kept, by kind.")
