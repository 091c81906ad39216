"""The compose file: what runs may do little, what is mounted exists, and only the proxy can be reached."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.deploy_checks.files import SERVICES, compose, environment, jobs_of_rules, required

SMALL_START = {"proxy", "api-1", "api-2", "worker", "migrate", "database"}
IMAGE = re.compile(r"[\w.-]+(/[\w.-]+)+:[\w.-]*\d[\w.-]*(@sha256:[0-9a-f]{64})?")


def check(root: Path) -> Iterator[str]:
    file = compose(root, required(root))
    services: dict[str, dict[str, Any]] = file["services"]
    for name, service in services.items():
        yield from (f"compose.yaml: {name}: {complaint}" for complaint in _hardening(name, service))
        yield from (f"compose.yaml: {name}: {complaint}" for complaint in _mounts(root, service, file["volumes"]))
    yield from (f"compose.yaml: {complaint}" for complaint in _start(services))
    yield from (f"compose.yaml: {complaint}" for complaint in _secrets(root, services))
    yield from _observers(root, services)
    yield from (f"compose.yaml: {complaint}" for complaint in _proxies(services, file["networks"]))
    if not file["networks"]["inner"].get("internal") or services["database"]["networks"] != ["inner"]:
        yield "compose.yaml: the database must be on the internal network alone"


def _hardening(name: str, service: Mapping[str, Any]) -> Iterator[str]:
    if service.get("read_only") is not True:
        yield "the root must be read-only"
    if service.get("cap_drop") != ["ALL"]:
        yield "all capabilities must be dropped"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "no-new-privileges must be set"
    if not service.get("mem_limit"):
        yield "a limit of memory must be set"
    if service.get("privileged") or service.get("network_mode") == "host" or service.get("pid") == "host":
        yield "nothing of the host may be shared"
    if bool(service.get("ports")) != (name == "proxy"):
        yield "only the proxy is published"
    if not IMAGE.fullmatch(service["image"]):
        yield "the image must have a registry and a version"
    if name in SERVICES and service.get("user") != "10001:10001":
        yield "must run as 10001"
    if name in SERVICES and not any(each.startswith("/tmp") for each in service.get("tmpfs", [])):  # noqa: S108
        yield "needs a /tmp that can be written"


def _mounts(root: Path, service: Mapping[str, Any], volumes: Mapping[str, Any]) -> Iterator[str]:
    for mount in service.get("volumes", []):
        source, _, rest = mount.partition(":")
        if source.startswith("."):
            if not (root / "deploy" / source).exists():
                yield f"{source} does not exist"
            if not rest.endswith(":ro"):
                yield f"{source} must be mounted read-only"
        elif source.startswith("/"):
            yield f"{source} of the host may not be mounted"
        elif source not in volumes:
            yield f"the volume {source} is not declared"


def _start(services: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The order of a start, and what belongs to a start without monitoring."""
    small = {name for name, service in services.items() if not service.get("profiles")}
    if small != SMALL_START:
        yield f"without a profile these start: {', '.join(sorted(small))}"
    for name in ("api-1", "api-2", "worker"):
        after = services[name].get("depends_on", {}).get("migrate", {}).get("condition")
        if after != "service_completed_successfully":
            yield f"{name} must wait for the end of the migration"
        if "health" not in services[name].get("healthcheck", {}).get("test", []):
            yield f"{name} has no health check"
        if services[name]["healthcheck"].get("test", [""])[0] != "CMD":
            yield f"the health check of {name} needs a shell"
    if services["migrate"].get("depends_on", {}).get("database", {}).get("condition") != "service_healthy":
        yield "migrate must wait for the database"
    commands = {name: services[name].get("command") for name in SERVICES}
    if commands != {"api-1": ["serve"], "api-2": ["serve"], "worker": ["worker"], "migrate": ["migrate"]}:
        yield "the commands are serve, worker and migrate"
    if len({services[name]["image"] for name in SERVICES}) != 1:
        yield "API, worker and migration must be one image"


def _proxies(services: Mapping[str, Mapping[str, Any]], networks: Mapping[str, Any]) -> Iterator[str]:
    subnets = [each["subnet"] for each in networks["out"].get("ipam", {}).get("config", [])]
    for name in ("api-1", "api-2"):
        trusted = yaml.safe_load(environment(services[name], {}).get("APP_TRUSTED_PROXIES", "[]"))
        if not subnets or trusted != subnets:
            yield f"{name} must trust the network of the proxy, and no other, about the address of a caller"
        if "out" not in services[name]["networks"] or "out" not in services["proxy"]["networks"]:
            yield f"{name} and the proxy must share the network whose proxies are trusted"


def _secrets(root: Path, services: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    owners = {name for name in SERVICES if "APP_DATABASE_OWNER_URL" in services[name]["environment"]}
    if owners != {"migrate"}:
        yield "only migrate may have APP_DATABASE_OWNER_URL"
    text = (root / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    for name in re.findall(r"^ +(\w*(?:PASSWORD|PEPPER|MASTER_KEY|SECRET|_KEY)\w*): *[^$\s]", text, re.MULTILINE):
        yield f"{name} has a value that everybody can read"
    example = (root / "deploy" / "compose.env.example").read_text(encoding="utf-8")
    given = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))
    for name in required(root):
        if given.get(name, "there is none") != "":
            yield f"compose.env.example must name {name}, without a value"


def _observers(root: Path, services: Mapping[str, Any]) -> Iterator[str]:
    config = yaml.safe_load((root / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    targets = [
        target for job in config["scrape_configs"] for static in job["static_configs"] for target in static["targets"]
    ]
    if missing := jobs_of_rules(root) - {job["job_name"] for job in config["scrape_configs"]}:
        yield f"prometheus.yml: the rules are about jobs that are not scraped: {', '.join(sorted(missing))}"
    if {target.partition(":")[0] for target in targets} != {"api-1", "api-2", "worker"}:
        yield "prometheus.yml: API and worker must be scraped, each by the name of its service"
    for target in targets:
        name, _, port = target.partition(":")
        variable = "APP_WORKER_METRICS_PORT" if name == "worker" else "APP_PORT"
        if name in services and environment(services[name], {}).get(variable) != port:
            yield f"prometheus.yml: {target} is not the port of {name}"
    proxy = environment(services["proxy"], {})
    if {proxy.get("API_1"), proxy.get("API_2")} != {"api-1:8000", "api-2:8000"}:
        yield "compose.yaml: the proxy must know both API processes"
    if environment(services["grafana"], {}).get("GF_AUTH_ANONYMOUS_ENABLED") != "false":
        yield "compose.yaml: Grafana must not let anybody in"
    caddy = (root / "deploy" / "proxy" / "Caddyfile").read_text(encoding="utf-8")
    for line, why in (
        ("flush_interval -1", "a streamed answer would be held back"),
        ("health_uri /health/ready", "a process that is not ready would get requests"),
        ("read_header 10s", "slow headers would hold connections"),
        ("max_size 100MB", "bodies would have no limit"),
        ("respond @inside 404", "metrics would be public"),
    ):
        if line not in caddy:
            yield f"Caddyfile: without '{line}' {why}"
