"""Tokens of one model call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `input` counts cached ones too, `output` counts reasoning ones too."""

    input: int
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0

    def __post_init__(self) -> None:
        if min(self.input, self.cached_input, self.output, self.reasoning) < 0:
            raise ValueError("a token count is never negative")
        if self.cached_input > self.input or self.reasoning > self.output:
            raise ValueError("cached tokens are part of the input, reasoning tokens are part of the output")

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input + other.input,
            self.cached_input + other.cached_input,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )

    @classmethod
    def reported(cls, input: int, cached_input: int = 0, output: int = 0, reasoning: int = 0) -> "Usage":
        """The usage that a provider reported, made consistent so that it is never charged too low."""
        input, cached_input, output, reasoning = (max(0, n) for n in (input, cached_input, output, reasoning))
        # Some providers count reasoning apart from the output instead of inside it.
        whole = output + reasoning if reasoning > output else output
        return cls(input, min(cached_input, input), whole, reasoning)
