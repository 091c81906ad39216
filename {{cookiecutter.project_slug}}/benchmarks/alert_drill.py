"""Which alerts a fault sets off: real scrapes of a running service, repeated minute by minute, before promtool.

Three scrapes bound what happens in a minute of ordinary traffic and in a minute of the fault. Repeating the difference
gives the series that Prometheus would hold after hours of both, and promtool evaluates the shipped rules on them.
"""

import argparse
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.core.objectives import Objectives
from app.monitoring.domain.alerts import Alert
from app.monitoring.domain.rule_cases import RuleCase, Series
from app.monitoring.domain.rules import alerts_of, rule_files

FIRING = 'count by (alertname) (ALERTS{alertstate="firing"}) or vector(0)'
_ALERT = re.compile(r'alertname="(\w+)"')
PROMTOOL = {"GOGC": "400"}
"""Variables of promtool: it looks for garbage less often."""


@dataclass(frozen=True)
class Scrape:
    """Values by series. levels: those that are no counters."""

    values: Mapping[str, float]
    levels: frozenset[str]

    @classmethod
    def read(cls, exposition: str, metrics: Iterable[str]) -> "Scrape":
        """metrics: the names that rules ask for; others are left out."""
        wanted, values, levels = set(metrics), {}, set()
        for family in text_string_to_metric_families(exposition):
            for sample in family.samples:
                if sample.name in wanted:
                    labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
                    series = f"{sample.name}{{{labels}}}"
                    values[series] = sample.value
                    if family.type == "gauge":
                        levels.add(series)
        return cls(values, frozenset(levels))


def over_time(scrapes: tuple[Scrape, Scrape, Scrape], ordinary: int, fault: int, step: int = 1) -> Sequence[Series]:
    """Series of `ordinary` minutes as between the first two scrapes, and of `fault` minutes as between the last two.

    step: minutes between two values; more for alerts over days, which do not ask for every minute.
    """
    third, before_it, during_it = scrapes[-1], ordinary // step, fault // step
    made = [Series(f'up{{job="{job}"}}', (1.0,) * (before_it + during_it)) for job in ("api", "worker")]
    for name in sorted(third.values):
        before, between, after = (each.values.get(name, 0.0) for each in scrapes)
        if name in third.levels:
            values = [between] * before_it + [after] * during_it
        else:
            start = [(between - before) * step * number for number in range(before_it)]
            values = start + [start[-1] + (after - between) * step * (number + 1) for number in range(during_it)]
        made.append(Series(name, tuple(values)))
    return made


def firing(
    folder: Path, rules: Sequence[Path], series: Sequence[Series], step: int, minutes: Sequence[int]
) -> list[frozenset[str]]:
    """The names of the alerts that fire at each of these minutes, by promtool."""
    test = {
        "interval": f"{step}m",
        "input_series": [{"series": each.name, "values": each.notation} for each in series],
        "promql_expr_test": [{"expr": FIRING, "eval_time": f"{minute}m", "exp_samples": []} for minute in minutes],
    }
    file = folder / "drill.yaml"
    content = {"rule_files": [str(path) for path in rules], "evaluation_interval": f"{step}m", "tests": [test]}
    file.write_text(yaml.safe_dump(content, sort_keys=False, width=1000))
    # Nothing is expected, so that promtool prints what there is.
    command = ["promtool", "test", "rules", str(file)]
    done = subprocess.run(command, env=os.environ | PROMTOOL, capture_output=True, text=True, timeout=500)
    _, *found = (done.stdout + done.stderr).split("expr: ")
    if len(found) != len(minutes):
        raise RuntimeError(done.stdout + done.stderr)
    return [frozenset(_ALERT.findall(each)) for each in found]


def _scraped(case: RuleCase) -> Sequence[Series]:
    """Both kinds of process, unless the case is about one of them."""
    if any(each.name.startswith("up{") for each in case.series):
        return ()
    ones = (1.0,) * max(len(each.values) for each in case.series)
    return [Series(f'up{{job="{job}"}}', ones) for job in ("api", "worker")]


def drill(alerts: Sequence[Alert]) -> dict[str, object]:
    """Each alert in the first case that sets it off, before all rules: whether it fires, and what else does."""
    rows, started = [], time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in rule_files(Objectives()).items():
            (folder / file).write_text(text)
        rules = sorted(folder.glob("*.yaml"))
        for alert in alerts:
            case = next(each for each in alert.cases() if each.fires and each.series)
            series, step = [*case.series, *_scraped(case)], int(case.step_minutes)
            [fired] = firing(folder, rules, series, step, [(max(len(each.values) for each in series) - 1) * step])
            rows.append({"alert": alert.name, "fires": alert.name in fired, "others": sorted(fired - {alert.name})})
    missed = sum(not row["fires"] for row in rows)
    return {"alerts": rows, "missed": missed, "seconds": round(time.perf_counter() - started, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="two alerts only; no result is written")
    options = parser.parse_args()
    alerts = alerts_of(Objectives())
    result = drill((alerts[0], alerts[-1]) if options.short else alerts)
    from benchmarks.harness import write

    write("alert_drill", {"command": "python -m benchmarks.alert_drill", **result}, options.short)


if __name__ == "__main__":
    main()
