from app.actions.repository.entries import (
    add,
    count_recent,
    end,
    find,
    in_turn,
    let_run,
    moment,
    page,
    use_up,
)

__all__ = ["add", "count_recent", "end", "find", "in_turn", "let_run", "moment", "page", "use_up"]
