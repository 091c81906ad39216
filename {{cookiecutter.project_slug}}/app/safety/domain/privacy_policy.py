from pydantic import Field

from app.core.policies import PolicyModel
from app.safety.domain.personal_data.rules import PersonalDataRules


class PrivacyPolicy(PolicyModel):
    """policies/privacy.yaml: what happens to personal data."""

    personal_data: PersonalDataRules = Field(PersonalDataRules(), description="Personal data in texts.")
