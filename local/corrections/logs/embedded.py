"""The embedded metric format: which values a line of a log adds to which metrics ("Specification: Embedded metric format").

The line is one JSON object. ``_aws.CloudWatchMetrics`` is a list of directives: a namespace, sets of dimensions and metrics. A
metric's value is the root's member of its name, a number or up to 100 of them; a dimension's value is a text there. Every metric
is added once per set of dimensions, at ``_aws.Timestamp``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

MOST_METRICS = 100
MOST_VALUES = 100
MOST_DIMENSIONS = 30
RESOLUTIONS = (1, 60)
_SIZES = ("", "Kilo", "Mega", "Giga", "Tera")
_AMOUNTS = ("Bytes", "Bits", *(size + amount for size in _SIZES[1:] for amount in ("bytes", "bits")))
# "MetricDatum", API reference.
UNITS = frozenset(
    {"Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"}
    | {*_AMOUNTS, *(f"{amount}/Second" for amount in _AMOUNTS)}
)


@dataclass(frozen=True)
class Value:
    """One value of a metric."""

    namespace: str
    metric: str
    value: float
    unit: str
    dimensions: dict[str, str]
    at: float  # epoch seconds
    resolution: int


class Malformed(ValueError):
    """A line that says it has metrics, but not as the specification has it."""


def values(message: str) -> tuple[list[Value], int]:
    """Returns the values in a line, and how many parts of it are malformed (``EMFValidationErrors``)."""
    if '"CloudWatchMetrics"' not in message:
        return [], 0
    try:
        root = json.loads(message)
    except ValueError:
        return [], 0
    marked = root.get("_aws") if isinstance(root, dict) else None
    if not isinstance(marked, dict) or "CloudWatchMetrics" not in marked:
        return [], 0
    at, directives = marked.get("Timestamp"), marked["CloudWatchMetrics"]
    if not _is_number(at) or not isinstance(directives, list):
        return [], 1
    found: list[Value] = []
    errors = 0
    for directive in directives:
        try:
            namespace, sets, metrics = _parts(directive)
        except Malformed:
            errors += 1
            continue
        for part in metrics:
            try:
                found += _of_metric(root, part, namespace, sets, at / 1000)
            except Malformed:
                errors += 1
    return found, errors


def _parts(directive) -> tuple[str, list, list]:
    if not isinstance(directive, dict):
        raise Malformed("a directive is an object")
    namespace, sets, metrics = (directive.get(name) for name in ("Namespace", "Dimensions", "Metrics"))
    if not isinstance(namespace, str) or not namespace:
        raise Malformed("a directive has a Namespace")
    if not isinstance(sets, list) or not all(isinstance(one, list) and len(one) <= MOST_DIMENSIONS for one in sets):
        raise Malformed(f"Dimensions are lists of at most {MOST_DIMENSIONS} names")
    if not isinstance(metrics, list) or len(metrics) > MOST_METRICS:
        raise Malformed(f"a directive has at most {MOST_METRICS} metrics")
    return namespace, sets, metrics


def _of_metric(root: dict, definition, namespace: str, sets: list, at: float) -> list[Value]:
    name = definition.get("Name") if isinstance(definition, dict) else None
    if not isinstance(name, str) or name not in root:
        raise Malformed("a metric is named, and the root has its value")
    unit, resolution = definition.get("Unit", "None"), definition.get("StorageResolution", 60)
    numbers = root[name] if isinstance(root[name], list) else [root[name]]
    if unit not in UNITS or resolution not in RESOLUTIONS:
        raise Malformed(f"unit {unit} or resolution {resolution} is unknown")
    if len(numbers) > MOST_VALUES or not all(_is_number(number) for number in numbers):
        raise Malformed(f"a metric's value is a number, or at most {MOST_VALUES} numbers")
    dimensions = [_dimensions(root, names) for names in sets]
    return [
        Value(namespace, name, number, unit, one, at, resolution) for one in dimensions for number in numbers
    ]


def _dimensions(root: dict, names: list) -> dict[str, str]:
    if not all(isinstance(name, str) and isinstance(root.get(name), str) for name in names):
        raise Malformed("a dimension's value is a text in the root")
    return {name: root[name] for name in names}


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
