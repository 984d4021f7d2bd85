"""The corrections in the order in which they are applied.

Each is one module, named here by its room and file, with one function ``apply()``. It is called once, after MiniStack is
imported and before it serves.
"""

from __future__ import annotations

import importlib

# A later correction wraps an earlier one. It matters here:
# - access_log, metrics, mock and encoding read what request notes, and metrics what access_log notes;
# - cloudformation.delete replaces DeleteStack, and cloudformation.role wraps that;
# - system_backups backs a table up before template_properties forgets its recovery, and after whatever may refuse the deletion;
# - mapping_metrics counts what functions.role did not let through;
# - executions fails the callback of a task that step_functions.role refuses.
NAMES: tuple[str, ...] = (
    "functions.stream_mapping",
    "functions.mapping_destination",
    "dynamodb.ttl",
    "dynamodb.partiql",
    "cloudformation.template_properties",
    "cloudformation.system_tags",
    "cloudformation.taken_names",
    "cloudformation.physical_ids",
    "dynamodb.system_backups",
    "api_gateway.failures",
    "api_gateway.request",
    "api_gateway.mock",
    "api_gateway.remapped_headers",
    "api_gateway.encoding",
    "api_gateway.access_log",
    "api_gateway.metrics",
    "functions.runtime_api",
    "functions.environment_size",
    "functions.logs",
    "functions.invocation_metrics",
    "functions.deletion",
    "functions.environments",
    "logs.put_events",
    "cloudformation.delete_refusals",
    "cognito.user_pools",
    "logs.protection",
    "logs.query_definitions",
    "logs.index_policies",
    "cloudwatch.eviction",
    "cloudwatch.dimensions",
    "logs.metrics",
    "logs.incoming",
    "cloudformation.delete",
    "cloudformation.history",
    "cloudformation.role",
    "cloudformation.custom_resources",
    "cloudformation.nested",
    "cloudformation.registry",
    "cloud_control.get_resource",
    "s3.delete_objects",
    "s3.object_lock",
    "cloudwatch.alarms",
    "cloudwatch.metric_data",
    "events.rules",
    "events.api_calls",
    "events.metrics",
    "kms.keys",
    "kms.templates",
    "dynamodb.table_states",
    "dynamodb.stream_shards",
    "dynamodb.metrics",
    "logs.search",
    "api_gateway.settings",
    "api_gateway.account",
    "step_functions.role",
    "functions.role",
    "functions.mapping_metrics",
    "scheduler.role",
    "step_functions.waits",
    "step_functions.executions",
    "functions.invoke_permissions",
    "iam.requests",
    "iam.passed_roles",
    "iam.decisions",
)


def apply(without: set[str]) -> None:
    """Applies all corrections but those named, in order."""
    unknown = without - set(NAMES)
    if unknown:
        raise SystemExit(f"local AWS: no such correction: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in NAMES:
        if name not in without:
            importlib.import_module(f"local.corrections.{name}").apply()
