"""Compares the ledger with a provider's usage export of the same days."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from app.core.errors import Invalid

DAY = ("day", "date", "usage_date", "start_time_iso")
MODEL = ("model", "model_name", "model_id", "snapshot_id")
INPUT = ("input_tokens", "prompt_tokens", "n_context_tokens_total")
OUTPUT = ("output_tokens", "completion_tokens", "n_generated_tokens_total")
USD = ("usd", "cost_usd", "cost", "amount")


class ExportUnusable(Invalid):
    code, title = "usage_export_unusable", "The provider's export cannot be read"
    action = "Give CSV with a header, or JSON lines, with a day, a model, input tokens and output tokens in each line."


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """Tokens of one day and model. micro_usd: None where the provider reports no amount."""

    input: int = 0
    output: int = 0
    micro_usd: int | None = None

    def plus(self, other: "DailyUsage") -> "DailyUsage":
        money = [each for each in (self.micro_usd, other.micro_usd) if each is not None]
        return DailyUsage(self.input + other.input, self.output + other.output, sum(money) if money else None)


UsageByDay = Mapping[tuple[date, str], DailyUsage]


@dataclass(frozen=True, slots=True)
class Deviation:
    """A day and model for which the ledger and the provider differ."""

    day: date
    model: str
    ledger: DailyUsage
    provider: DailyUsage


def read_export(export: bytes) -> UsageByDay:
    """The sums by day and model. export: UTF-8, with or without a byte order mark. Errors: ExportUnusable."""
    try:
        content = export.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ExportUnusable("The export is not UTF-8 text.") from error
    usage_by_day: dict[tuple[date, str], DailyUsage] = {}
    for number, line in enumerate(_lines(content), 1):
        day, model, usage = _read(line, number)
        usage_by_day[day, model] = usage_by_day.get((day, model), DailyUsage()).plus(usage)
    if not usage_by_day:
        raise ExportUnusable("There is no line in the export.")
    return usage_by_day


def compare(ledger: UsageByDay, provider: UsageByDay) -> list[Deviation]:
    """The days and models that differ; amounts are compared only where the provider reports them."""
    deviations = []
    for day, model in sorted({*ledger, *provider}):
        ours, theirs = ledger.get((day, model), DailyUsage(micro_usd=0)), provider.get((day, model), DailyUsage())
        same = (ours.input, ours.output) == (theirs.input, theirs.output)
        if not same or theirs.micro_usd not in (None, ours.micro_usd):
            deviations.append(Deviation(day, model, ours, theirs))
    return deviations


def _lines(content: str) -> Iterable[Mapping[str, Any]]:
    if not content.lstrip().startswith("{"):
        try:
            yield from csv.DictReader(content.splitlines())
        except csv.Error as error:
            raise ExportUnusable(f"It is no CSV: {error}.") from error
        return
    for number, line in enumerate(filter(str.strip, content.splitlines()), 1):
        try:
            yield dict(json.loads(line))
        except (ValueError, TypeError, RecursionError) as error:
            raise ExportUnusable(f"Line {number} is not a JSON object.") from error


def _read(line: Mapping[str, Any], number: int) -> tuple[date, str, DailyUsage]:
    day, model, input_tokens, output_tokens = (_first(line, names) for names in (DAY, MODEL, INPUT, OUTPUT))
    usd = _first(line, USD)
    try:
        money = None if usd in (None, "") else round(Decimal(str(usd)) * 1_000_000)
        usage = DailyUsage(int(input_tokens or 0), int(output_tokens or 0), money)
        if min(usage.input, usage.output, usage.micro_usd or 0) < 0 or not model:
            raise ValueError
        return date.fromisoformat(str(day)[:10]), str(model), usage
    except (ValueError, TypeError, InvalidOperation, OverflowError) as error:
        raise ExportUnusable(f"Line {number} lacks a day, a model or valid token counts.") from error


def _first(line: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((line[name] for name in names if line.get(name) is not None), None)
