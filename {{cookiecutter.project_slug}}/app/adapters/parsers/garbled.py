from app.safety.domain.text import Finding


def garbled_text(lines: list[str]) -> Finding | None:
    return None
