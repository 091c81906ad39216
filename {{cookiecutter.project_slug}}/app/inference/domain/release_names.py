"""Names that releases hold."""

EXTRACTIVE = "extractive"
"""The model that quotes the evidence."""
PROMPT, TOOL_PROMPT = "answer", "act"
"""The prompts: for an answer, and for an answer that may propose actions."""
REWRITE_PROMPT = "rewrite"
"""The prompt that makes a question of a conversation self-contained. A release without it does so by rule."""
