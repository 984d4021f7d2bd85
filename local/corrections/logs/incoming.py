"""Correction: CloudWatch counts the lines that come into a log group.

What AWS does ("Monitoring with CloudWatch metrics", CloudWatch Logs): ``IncomingLogEvents`` and ``IncomingBytes`` in AWS/Logs, for
the account, and for each group with the dimension LogGroupName.

What stock MiniStack does: emits neither.
"""

from __future__ import annotations

from local.corrections.cloudwatch import points
from local.corrections.logs.put_events import OVERHEAD_BYTES


def apply() -> None:
    from ministack.services import cloudwatch_logs as logs

    fan_out = logs._fanout_to_subscription_filters

    def counted(group, stream, events):  # every path of a line into a log ends here
        size = sum(len(event.get("message", "").encode()) + OVERHEAD_BYTES for event in events)
        for dimensions in ({}, {"LogGroupName": group}):
            points.add("AWS/Logs", "IncomingLogEvents", len(events), "None", dimensions)
            points.add("AWS/Logs", "IncomingBytes", size, "Bytes", dimensions)
        return fan_out(group, stream, events)

    logs._fanout_to_subscription_filters = counted
