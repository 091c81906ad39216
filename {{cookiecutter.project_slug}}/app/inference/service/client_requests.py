"""Checks and screens what a client of the OpenAI API asks for beyond the question."""

from collections.abc import Iterator
from dataclasses import replace

from app.inference.domain.answer import Question, RequestWarning
from app.inference.domain.client_options import ClientOptions, InstructionsTooLong, ModelRequired
from app.inference.domain.tool_calls import MAX_RESULT_CHARACTERS, ToolResult, ToolSession
from app.inference.service.loaded_release import LoadedRelease
from app.inference.service.result_screening import WITHHELD, screened_result
from app.llm.domain.messages import Message
from app.safety.domain.policy import SecurityPolicy
from app.safety.domain.screening import screen_fields
from app.safety.domain.text import Finding, normalise

NOT_FOLLOWED = RequestWarning(
    "system", "System and developer messages are not followed here, by policies/security.yaml."
)


def check_options(loaded: LoadedRelease, question: Question) -> None:
    """Errors: InstructionsTooLong, ModelRequired."""
    options, limit = question.options, loaded.security.limits.system_message_characters
    if loaded.security.system_messages == "follow" and len(options.instructions) > limit:
        raise InstructionsTooLong(f"System messages together have at most {limit:,} characters.")
    if (field := options.needs_model) and not loaded.models_for(question.model):
        raise ModelRequired(field)


def screen_options(loaded: LoadedRelease, question: Question) -> tuple[Question, tuple[Finding, ...]]:
    """The question with its options normalised, and what screening found in them."""
    options = question.options
    if options.instructions and loaded.security.system_messages == "ignore":
        question = replace(question, warnings=(*question.warnings, NOT_FOLLOWED))
        options = replace(options, instructions="")
    findings = screen_fields(dict(_texts(options)))
    options = replace(options, instructions=normalise(options.instructions).text)
    return replace(question, options=options), findings


def _texts(options: ClientOptions) -> Iterator[tuple[str, str]]:
    if options.instructions:
        yield "system", options.instructions
    if options.format is not None:
        yield "response_format", options.format.text
    for tool in options.tools:
        yield tool.name, tool.description


def read_exchange(security: SecurityPolicy, session: ToolSession, exchange: tuple[Message, ...]) -> tuple[Message, ...]:
    """The calls of the client's tools and their results, as a model may read them: screened as documents are. They
    taint whatever is proposed after them.
    """
    session.tainted |= bool(exchange)
    return tuple(_read(security, session, message) for message in exchange)


def _read(security: SecurityPolicy, session: ToolSession, message: Message) -> Message:
    if message.role != "tool":
        return message
    sent = ToolResult(message.content, message.content)
    screened = screened_result(security, session, "result", sent)
    if screened is None:
        return replace(message, content=WITHHELD)
    content, text = screened.content[:MAX_RESULT_CHARACTERS], screened.text[:MAX_RESULT_CHARACTERS]
    session.untrusted_results.append(text)
    session.client_results.append(ToolResult(content, text))
    return replace(message, content=content)
