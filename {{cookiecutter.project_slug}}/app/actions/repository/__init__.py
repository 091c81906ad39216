from app.actions.repository.entries import add, count_recent, end, find, let_run, page, seen, use_up

__all__ = ["add", "count_recent", "end", "find", "let_run", "page", "seen", "use_up"]
