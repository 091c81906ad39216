"""The Helm chart: rendered with each set of values, and judged by what it would put into a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.deploy_checks.files import jobs_of_rules

Manifest = Mapping[str, Any]

KUBERNETES = ("1.30", "1.34", "1.37")
GRACE_SECONDS = 10
"""In which the API ends its requests after SIGTERM."""


@dataclass(frozen=True)
class Rendered:
    """What one set of values makes."""

    name: str
    manifests: tuple[Manifest, ...]

    def of(self, kind: str) -> list[Manifest]:
        return [each for each in self.manifests if each["kind"] == kind]


def check(root: Path) -> Iterator[str]:
    import helm_python as helm

    folder = root / "deploy" / "helm"
    yield from _lint(helm, folder)
    sets = sorted((folder / "examples").glob("*.yaml"))
    if len(sets) < 6:
        yield "helm: fewer than six sets of values"
    try:
        chart = helm.Chart.load(folder)
        rendered = [_render(chart, path) for path in sets]
    except helm.HelmError as error:
        yield f"helm: {error}"
        return
    for each in rendered:
        yield from (f"helm: {each.name}: {complaint}" for complaint in dict.fromkeys(judged(each)))
    yield from _kinds(rendered)
    yield from _refused(helm, chart)
    if yaml.safe_load((folder / "files" / "rules.yml").read_text(encoding="utf-8")) != rules_of_all(root):
        yield "helm: files/rules.yml must hold the rules of monitoring/rules: run app monitoring write"
    yield from _scraped(rendered, jobs_of_rules(root))
    yield from valid(rendered)


def _scraped(sets: Iterable[Rendered], jobs: Set[str]) -> Iterator[str]:
    """Whether Prometheus gives what it scrapes the names of the jobs that the rules are about."""
    for rendered in sets:
        monitors = rendered.of("ServiceMonitor")
        names = {each["metadata"]["labels"].get(each["spec"].get("jobLabel")) for each in monitors}
        if monitors and not jobs <= names:
            yield f"helm: {rendered.name}: no ServiceMonitor has a job of the rules: {', '.join(sorted(jobs - names))}"


def rules_of_all(root: Path) -> dict[str, Any]:
    """The groups of all files of rules."""
    files = sorted((root / "monitoring" / "rules").glob("*.yaml"))
    read = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in files)
    return {"groups": [group for each in read for group in each["groups"]]}


def _lint(helm: Any, folder: Path) -> Iterator[str]:
    values = yaml.safe_load((folder / "examples" / "minimal.yaml").read_text(encoding="utf-8"))
    for message in helm.lint(folder, values, strict=True)["messages"]:
        if message["severity"] > 1:
            yield f"helm lint: {message['error']}"


def _render(chart: Any, path: Path) -> Rendered:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    chart.validate_schema(values)
    files = chart.render(values, name="answers", namespace="production")
    texts = [text for name, text in sorted(files.items()) if name.endswith(".yaml")]
    manifests = [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]
    return Rendered(path.stem, tuple(manifests))


def _refused(helm: Any, chart: Any) -> Iterator[str]:
    """What the schema of the values must not let through."""
    for values, what in (
        ({"settings": {"APP_LOG_LEVLE": "INFO"}}, "a setting that does not exist"),
        ({"settings": {"APP_MAX_REQUESTS": 64_000_000}}, "a number, which would arrive as 6.4e+07"),
        ({"settings": {"APP_MASTER_KEY": "x"}}, "a secret as a value"),
        ({"settings": {"APP_LOG_LEVEL": "LOUD"}}, "a word that the setting does not know"),
        ({"image": {"tag": "latest"}}, "the tag latest"),
        ({"replicaCount": 3}, "a value that the chart does not read"),
    ):
        try:
            chart.validate_schema(values)
        except helm.HelmError:
            continue
        yield f"helm: values.schema.json lets {what} through"


def valid(sets: Iterable[Rendered]) -> Iterator[str]:
    """Each manifest against the schemas of three versions of Kubernetes; own kinds of operators have none."""
    unique = {json.dumps(each, sort_keys=True) for rendered in sets for each in rendered.manifests}
    for manifest in sorted(unique):
        yield from _valid(manifest)


@cache
def _valid(text: str) -> tuple[str, ...]:
    import kubernetes_validate

    manifest, found = json.loads(text), []
    operator = "." in manifest["apiVersion"].split("/")[0].removesuffix(".k8s.io")
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            if not operator:
                found.append(f"helm: {manifest['kind']}: unknown to Kubernetes {version}")
        except kubernetes_validate.ValidationError as error:
            found.append(f"helm: {manifest['kind']}: Kubernetes {version}: {error.message}")
    return tuple(found)


def _kinds(sets: Iterable[Rendered]) -> Iterator[str]:
    """Every template is rendered by some set of values."""
    made = {each["kind"] for rendered in sets for each in rendered.manifests}
    wanted = {"HorizontalPodAutoscaler", "Ingress", "NetworkPolicy", "PrometheusRule", "ScaledObject", "ServiceMonitor"}
    if wanted - made:
        yield f"helm: no set of values makes {', '.join(sorted(wanted - made))}"


def judged(rendered: Rendered) -> Iterator[str]:
    """What a linter of manifests would say, and the rules of this service."""
    for kind in ("Deployment", "Job"):
        for manifest in rendered.of(kind):
            yield from (f"{kind} {manifest['metadata']['name']}: {complaint}" for complaint in _pod(manifest))
    yield from _migration(rendered)
    yield from _deployments(rendered)
    yield from _around(rendered)


def _pod(manifest: Manifest) -> Iterator[str]:
    spec = manifest["spec"]["template"]["spec"]
    security = spec.get("securityContext", {})
    if security.get("runAsNonRoot") is not True or not isinstance(security.get("runAsUser"), int):
        yield "must run as an ordinary user, by number"
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "needs the seccomp profile of the runtime"
    if spec.get("automountServiceAccountToken") is not False:
        yield "must not get the token of a service account"
    if spec.get("enableServiceLinks") is not False:
        yield "must not get variables of services"
    if spec.get("hostNetwork") or spec.get("hostPID") or any("hostPath" in volume for volume in spec["volumes"]):
        yield "must share nothing with the host"
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        yield from (f"{container['name']}: {complaint}" for complaint in _container(container))


def _container(container: Manifest) -> Iterator[str]:
    security = container.get("securityContext", {})
    if security.get("readOnlyRootFilesystem") is not True:
        yield "the root must be read-only"
    if security.get("allowPrivilegeEscalation") is not False:
        yield "may not gain privileges"
    if security.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "all capabilities must be dropped"
    resources = container.get("resources", {})
    if not {"cpu", "memory"} <= set(resources.get("requests", {})) or "memory" not in resources.get("limits", {}):
        yield "requests of both and a limit of memory must be set"
    image = container["image"]
    if image.endswith(":latest") or ":" not in image.rpartition("/")[2]:
        yield "the image has no version"
    if any("value" in each for each in container.get("env", [])):
        yield "a variable is a literal; settings belong into the ConfigMap, secrets into a Secret"
    if {mount["mountPath"] for mount in container.get("volumeMounts", [])} != {"/tmp", "/data"}:  # noqa: S108
        yield "no folders but /tmp and /data can be written"


def _migration(rendered: Rendered) -> Iterator[str]:
    jobs = rendered.of("Job")
    if len(jobs) != 1:
        yield "there is one migration"
        return
    (job,) = jobs
    labels = job["spec"]["template"]["metadata"]["labels"]
    version = labels["app.kubernetes.io/version"].replace(".", "-")
    if f"-migrate-{version}-" not in job["metadata"]["name"]:
        yield "the migration must be named with the version"
    if "helm.sh/hook" in str(job["metadata"].get("annotations", {})):
        yield "the migration is no hook"
    if not job["spec"].get("ttlSecondsAfterFinished") or not job["spec"].get("activeDeadlineSeconds"):
        yield "the migration must end, and go"
    owners = [each["metadata"]["name"] for each in rendered.manifests if "APP_DATABASE_OWNER_URL" in str(each)]
    if owners != [job["metadata"]["name"]]:
        yield f"only the migration may have the owner's address, and these have it: {owners}"


def _deployments(rendered: Rendered) -> Iterator[str]:
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in _scalers(rendered)}
    for deployment in rendered.of("Deployment"):
        name, spec = deployment["metadata"]["name"], deployment["spec"]
        pod = spec["template"]["spec"]
        (container,) = pod["containers"]
        if ("replicas" in spec) == (name in scaled):
            yield f"{name}: replicas are set exactly where nothing scales it"
        if [each["args"][:2] for each in pod.get("initContainers", [])] != [["migrate", "--wait"]]:
            yield f"{name}: must wait for the schema"
        live, ready = container.get("livenessProbe"), container.get("readinessProbe")
        if not live or not ready or "startupProbe" not in container:
            yield f"{name}: needs the three probes"
        elif {key: live.get(key) for key in ("httpGet", "tcpSocket")} == {
            key: ready.get(key) for key in ("httpGet", "tcpSocket")
        }:
            yield f"{name}: liveness and readiness must ask different things"
        if (spec.get("replicas") or 2) > 1 and not pod.get("topologySpreadConstraints"):
            yield f"{name}: its pods may all be on one node"
        if any("version" in label for label in spec["selector"]["matchLabels"]):
            yield f"{name}: a selector with a version in it cannot be upgraded"
        if not spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items():
            yield f"{name}: selects other pods than its own"
        if name.endswith("-api"):
            sleep = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            if not 0 < sleep < pod["terminationGracePeriodSeconds"] - GRACE_SECONDS:
                yield f"{name}: must drain, and then have time for requests in progress"


def _scalers(rendered: Rendered) -> list[Manifest]:
    return [*rendered.of("HorizontalPodAutoscaler"), *rendered.of("ScaledObject")]


def _around(rendered: Rendered) -> Iterator[str]:
    deployments = {each["metadata"]["name"]: each for each in rendered.of("Deployment")}
    for scaler in _scalers(rendered):
        if scaler["spec"]["scaleTargetRef"]["name"] not in deployments:
            yield f"{scaler['kind']} scales what is not there"
    for budget in rendered.of("PodDisruptionBudget"):
        if budget["spec"].get("maxUnavailable") != 1 or "minAvailable" in budget["spec"]:
            yield "a PodDisruptionBudget must allow one disruption, also with one replica"
    if len(rendered.of("PodDisruptionBudget")) != len(deployments):
        yield "every deployment needs a PodDisruptionBudget"
    policies = {
        each["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        for each in rendered.of("NetworkPolicy")
    }
    if rendered.name != "small" and policies != {"api", "worker", "migrate"}:
        yield "every pod needs a NetworkPolicy"
    if any(set(each["spec"]["policyTypes"]) != {"Ingress", "Egress"} for each in rendered.of("NetworkPolicy")):
        yield "a NetworkPolicy must be about both directions"
    for ingress in rendered.of("Ingress"):
        paths = [path["path"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
        if not ingress["spec"].get("tls") or any(path in ("/", "/metrics", "/health") for path in paths):
            yield "the ingress needs TLS and leads to no metrics"
    if rendered.of("Secret"):
        yield "the chart makes no Secret"
    for service in rendered.of("Service"):
        if service["spec"].get("type") in ("NodePort", "LoadBalancer"):
            yield "a Service may not be published by itself"
