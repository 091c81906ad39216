"""The schema of the Helm chart's values: what may be given, and each setting of the service by name."""

import json
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr

from app.settings import Settings, variable_of

FIXED = {"APP_HOST", "APP_PORT", "APP_WORKER_METRICS_PORT", "APP_ROOT", "APP_DATA_DIR"}
"""What image and chart agree on among themselves."""


def is_secret(name: str) -> bool:
    """Whether the value of a setting belongs into a Secret: it is one, or it holds the keys of providers."""
    return SecretStr in (annotation := Settings.model_fields[name].annotation, *get_args(annotation)) or (
        name == "model_chain"
    )


def values_schema() -> str:
    count, text, switch = {"type": "integer", "minimum": 1}, {"type": "string"}, {"type": "boolean"}
    name, share = {"type": "string", "minLength": 1}, {"type": "integer", "minimum": 1, "maximum": 100}
    resources = _object({"requests": {"type": "object"}, "limits": {"type": "object"}})
    scaling = {"enabled": switch, "minReplicas": count, "maxReplicas": count, "cpuPercent": share}
    amount = {"type": "integer", "minimum": 0}
    peers = {"type": "array", "items": {"type": "object"}}
    keys = {"type": "array", "items": {"enum": sorted(_variables(secret=True))}, "uniqueItems": True}
    digest = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}
    tag = {"type": "string", "not": {"const": "latest"}}
    policy = {"enum": ["Always", "IfNotPresent", "Never"]}
    image = {"repository": text, "tag": tag, "digest": digest, "pullPolicy": policy, "pullSecrets": peers}
    return _json(
        {
            "image": _object(image),
            "settings": _object({each: _value(each) for each in _variables(secret=False) if each not in FIXED}),
            "secret": text,
            "secretKeys": keys,
            "optionalSecretKeys": keys,
            "migration": _object({"secret": text, "waitSeconds": count, "resources": resources}),
            "dataClaim": text,
            "api": _object(
                {
                    "replicas": count,
                    "resources": resources,
                    "drainSeconds": count,
                    "autoscaling": _object(scaling | {"answersInProgress": amount}),
                }
            ),
            "worker": _object(
                {
                    "replicas": count,
                    "resources": resources,
                    "autoscaling": _object(scaling | {"queueAgeSeconds": amount}),
                }
            ),
            "ingress": _object(
                {
                    "enabled": switch,
                    "className": text,
                    "host": text,
                    "tlsSecret": text,
                    "annotations": {"type": "object", "additionalProperties": text},
                }
            ),
            "networkPolicy": _object(
                {
                    "enabled": switch,
                    "from": peers,
                    "metricsFrom": peers,
                    "databasePort": {"type": "integer", "minimum": 1, "maximum": 65535},
                    "egress": peers,
                }
            ),
            "monitoring": _object(
                {"serviceMonitor": switch, "rules": switch, "labels": {"type": "object", "additionalProperties": name}}
            ),
            "nodeSelector": {"type": "object", "additionalProperties": text},
            "tolerations": peers,
            "global": {"type": "object"},
        }
    )


def _variables(secret: bool) -> list[str]:
    return [variable_of(name) for name in Settings.model_fields if is_secret(name) == secret]


def _value(variable: str) -> dict[str, Any]:
    """A string, as all variables are; a number in YAML could arrive as 6.4e+07."""
    (field,) = [each for name, each in Settings.model_fields.items() if variable_of(name) == variable]
    choices: Any = field.annotation if get_origin(field.annotation) is Literal else None
    allowed = {"enum": list(get_args(choices))} if choices else {}
    return {"type": "string", "description": field.description or ""} | allowed


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _json(properties: dict[str, Any]) -> str:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the chart"}
    return json.dumps(schema | _object(properties), indent=2, ensure_ascii=False) + "\n"
