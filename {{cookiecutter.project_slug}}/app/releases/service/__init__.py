from app.releases.service.build import live_prices, read_code, read_prompts, releases_on
from app.releases.service.environments import Environments
from app.releases.service.live_releases import LiveReleases
from app.releases.service.releases import Releases
from app.releases.service.rollouts import Rollouts
from app.releases.service.secrets import SigningSecret

__all__ = [
    "Environments",
    "LiveReleases",
    "Releases",
    "Rollouts",
    "SigningSecret",
    "live_prices",
    "read_code",
    "read_prompts",
    "releases_on",
]
