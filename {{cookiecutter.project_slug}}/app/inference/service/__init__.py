from app.inference.service.answering import Answers, Keyed
from app.inference.service.chain import Link, ModelChain
from app.inference.service.keeping import Archive
from app.inference.service.replaying import Replays

__all__ = ["Answers", "Archive", "Keyed", "Link", "ModelChain", "Replays"]
