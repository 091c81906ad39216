from app.releases.service.environments import Environments
from app.releases.service.making import live_prices, read_code, read_prompts, releases_on
from app.releases.service.releases import Releases
from app.releases.service.secrets import SigningSecret
from app.releases.service.standing import Standings

__all__ = [
    "Environments",
    "Releases",
    "SigningSecret",
    "Standings",
    "live_prices",
    "read_code",
    "read_prompts",
    "releases_on",
]
