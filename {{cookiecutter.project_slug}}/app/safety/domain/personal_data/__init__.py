from app.safety.domain.personal_data.detection import PersonalDataDetector
from app.safety.domain.personal_data.findings import KINDS, Detector, Kind, PersonalData
from app.safety.domain.personal_data.masking import Mask
from app.safety.domain.personal_data.protection import DEFAULT_PROTECTION, PersonalDataProtection, is_personal_data
from app.safety.domain.personal_data.pseudonyms import Pseudonyms
from app.safety.domain.personal_data.rules import DEFAULT_RULES, PersonalDataRules

__all__ = [
    "DEFAULT_PROTECTION",
    "DEFAULT_RULES",
    "KINDS",
    "Detector",
    "Kind",
    "Mask",
    "PersonalData",
    "PersonalDataDetector",
    "PersonalDataProtection",
    "PersonalDataRules",
    "Pseudonyms",
    "is_personal_data",
]
