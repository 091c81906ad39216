from app.actions.repository.action_queries import (
    add,
    approve,
    claim_nonce,
    count_recent,
    end,
    find,
    find_page,
    find_readable,
)

__all__ = ["add", "approve", "claim_nonce", "count_recent", "end", "find", "find_page", "find_readable"]
