"""Names that releases hold."""

EXTRACTIVE = "extractive"
"""The model that quotes the evidence."""
PROMPT, TOOL_PROMPT = "answer", "act"
"""The prompts: for an answer, and for an answer that may propose actions."""
