"""Text that talks to the model instead of the reader. Heuristics with names: each finding says which rule spoke."""

import re

from app.safety.domain.text import Finding, Normalised

_FILLER = r"(?:\W+\w+){0,4}?\W+"
_TARGET = r"(?:instructions?|prompts?|rules?|guidelines?|directions?|directives?|messages?|questions?|guardrails?)"

_RULES: dict[str, tuple[str, str]] = {
    "override": (
        rf"\b(?:ignore|disregard|forget|override|bypass)\b{_FILLER}(?:user'?s?\W+)?{_TARGET}\b"
        r"|\bignorier\w*\b(?:\W+\w+){0,4}?\W+(?:anweisung|vorgabe|regel)\w*"
        r"|\bignor(?:e[zr]?|a|ar)\b(?:\W+\w+){0,3}?\W+(?:les|las|los)\W+(?:instru\w+|consignes|reglas)",
        "tells the model to drop its instructions",
    ),
    "posing": (
        r"<\|(?:im_start|im_end|system|endoftext)\|>|\[/?INST\]|<</?SYS>>"
        r"|\b(?:system|developer|admin(?:istrator)?)\W{0,3}(?:note|message|prompt|override|instruction)s?\W{1,3}"
        r"(?:to|for)\W+(?:the\W+)?(?:assistant|model|ai|llm)\b"
        r"|(?m:^\W{0,4}(?:system|assistant)\s*:\s*(?:you|ignore|from now))",
        "poses as the system or the assistant",
    ),
    "persona": (
        r"\b(?:you are now|act as|pretend to be|from now on you(?:'re| are)?)\b.{0,40}"
        r"\b(?:dan|unrestricted|unfiltered|jailbroken|developer mode|evil|no (?:rules|limits|restrictions))\b"
        r"|\bdo anything now\b|\bdeveloper mode (?:enabled|on)\b",
        "asks the model to become someone without rules",
    ),
    "prompt_leak": (
        r"\b(?:reveal|print|show|repeat|output|display|tell|give|leak|write out)\b(?:\W+\w+){0,5}?\W+"
        r"(?:your|the|its)\W+(?:\w+\W+){0,2}?(?:system|initial|hidden|secret|original|developer)\W+"
        r"(?:prompt|instructions?|message|rules)\b",
        "asks for the hidden instructions",
    ),
    "tool_call": (
        r"\b(?:call|invoke|execute|run|use)\b(?:\W+the)?\W+(?:delete|drop|remove|send|transfer|exec|shell|admin)"
        r"(?:_\w+|\W+(?:tool|function|command)\b)"
        r"|\b(?:reply|respond|answer)\W+only\W+(?:with\W+)?['\"“‘]",
        "orders the model to call a tool or to give a fixed reply",
    ),
    "exfiltration": (
        r"\b(?:send|post|forward|upload|e-?mail|exfiltrate|leak|append)\b.{0,80}\b(?:conversation|history|secrets?|"
        r"passwords?|api[ _-]?keys?|credentials|system prompt|context|answer)\b.{0,60}\b(?:to|at)\b.{0,20}"
        r"(?:https?://|\S+@\S+)|!\[[^\]\n]{0,80}\]\(https?://[^)\s]{0,200}[?&][^)\s]{0,80}=\s*[{<\[$]",
        "asks to send data away",
    ),
}
_COMPILED = {name: re.compile(pattern, re.IGNORECASE) for name, (pattern, _) in _RULES.items()}
_DETAILS = {name: detail for name, (_, detail) in _RULES.items()}
# One cheap look decides for nearly every text; the rules themselves run only where it finds a word of theirs.
_SIGNAL = re.compile(
    r"ignor|disregard|forget|overrid|bypass|<\||\[/?inst|<<|note|message|prompt|system|assistant|you are now|act as"
    r"|pretend|from now on|do anything|developer|reveal|instruction|call|invoke|execut|reply|respond|answer only"
    r"|exfiltrat|upload|forward|send|leak|!\[",
    re.IGNORECASE,
)


def screen_document(text: str, hidden: str = "") -> tuple[Finding, ...]:
    """`instructions.*` in what a reader sees, `hidden_instructions.*` in what only a machine would see."""
    seen = _matches("instructions", text)
    unseen = _matches("hidden_instructions", hidden)
    return (*seen, *(Finding(f.rule, f"hidden text {f.detail}", f.count) for f in unseen))


def screen_question(question: Normalised) -> tuple[Finding, ...]:
    """Findings of a question as it will be searched and shown to a model."""
    hidden = (Finding(f.rule, f"hidden text {f.detail}") for f in _matches("hidden_instructions", question.hidden))
    return (*question.findings, *_matches("instructions", question.text), *hidden)


def _matches(kind: str, text: str) -> tuple[Finding, ...]:
    if not text or not _SIGNAL.search(text):
        return ()
    findings = []
    for name, pattern in _COMPILED.items():
        starts = [match.start() for match in pattern.finditer(text)]
        if starts:
            findings.append(Finding(f"{kind}.{name}", _DETAILS[name], len(starts), starts[0]))
    return tuple(findings)
