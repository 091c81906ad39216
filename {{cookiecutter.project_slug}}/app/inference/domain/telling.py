"""What becomes of a message that something was decided."""

from typing import Literal

GONE = 410
"""Who is told does not want to be, ever again."""

Told = Literal["delivered", "gone", "refused", "key_revoked"]


class NotTold(Exception):
    """Nobody has said that the message came; it is sent again. The text names no address."""
