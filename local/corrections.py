"""The corrections of MiniStack, each in a module of its own that says what AWS does and what stock MiniStack does.

Each module has one function ``apply()``, called once after MiniStack is imported and before it serves.
"""

from __future__ import annotations

import importlib

# In this order: access_log, gateway_mock and gateway_encoding read what gateway_request notes; stack_role stands before
# stack_delete's call; system_backups sees what the template says about recovery, and is asked only after what refuses a
# deletion; workflows takes a task that service_roles refuses for failed.
ALL: tuple[str, ...] = (
    "stream_mapping",
    "mapping_destination",
    "ttl",
    "template_properties",
    "system_backups",
    "gateway_failures",
    "gateway_request",
    "gateway_mock",
    "gateway_encoding",
    "access_log",
    "runtime_api",
    "environment_size",
    "function_logs",
    "invocation_metrics",
    "deleted_functions",
    "log_events",
    "delete_refusals",
    "log_protection",
    "stack_delete",
    "stack_history",
    "stack_role",
    "bucket_limits",
    "table_states",
    "stream_shards",
    "log_search",
    "gateway_settings",
    "gateway_account",
    "service_roles",
    "workflows",
    "invoke_permissions",
    "iam_requests",
    "passed_roles",
    "decisions",
)


def apply(without: set[str]) -> None:
    """Applies all corrections but those named, in order."""
    unknown = without - set(ALL)
    if unknown:
        raise SystemExit(f"local AWS: no such correction: {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    for name in ALL:
        if name not in without:
            importlib.import_module(f"local.{name}").apply()
