from app.safety.domain.personal_data.findings import KINDS, Detector, Kind, PersonalData
from app.safety.domain.personal_data.masking import Mask
from app.safety.domain.personal_data.protection import DEFAULT_PROTECTION, PersonalDataProtection, is_personal_data
from app.safety.domain.personal_data.rules import DEFAULT_RULES, PersonalDataRules

__all__ = [
    "DEFAULT_PROTECTION",
    "DEFAULT_RULES",
    "KINDS",
    "Detector",
    "Kind",
    "Mask",
    "PersonalData",
    "PersonalDataProtection",
    "PersonalDataRules",
    "is_personal_data",
]
