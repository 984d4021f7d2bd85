"""CloudWatch's points, as other corrections add them: in the caller's account and region, one per value and minute.

Equal values of a minute are one point that counts them, so that a long run under load leaves few.
"""

from __future__ import annotations

import threading
import time

STANDARD_RESOLUTION = 60

_lock = threading.Lock()
# By account, region and metric: the list that CloudWatch keeps, and the latest points in it by (time, unit, value).
_latest: dict[tuple, tuple[list, dict[tuple, dict]]] = {}


def add(
    namespace: str,
    metric: str,
    value: float,
    unit: str,
    dimensions: dict[str, str],
    at: float | None = None,
    resolution: int = STANDARD_RESOLUTION,
) -> None:
    """Adds a value (at ``at``, epoch seconds, if it was not measured just now) to a metric."""
    from ministack.core.responses import get_account_id, get_region
    from ministack.services import cloudwatch

    moment = int(time.time() if at is None else at) // resolution * resolution
    key = (namespace, metric, cloudwatch._dims_key(dimensions))
    with _lock:
        points = cloudwatch._metric_bucket(key)
        scope = (get_account_id(), get_region(), key)
        kept, latest = _latest.get(scope, (None, {}))
        if kept is not points:  # emptied by a reset, or replaced when old points were dropped
            latest = {}
        point = latest.get((moment, unit, value))
        if point is None:
            if latest and moment > max(time for time, _, _ in latest):
                latest = {}
            point = {"Timestamp": moment, "Value": float(value), "Count": 0.0, "Unit": unit, "Dimensions": dict(dimensions)}
            points.append(point)
            latest[(moment, unit, value)] = point
            _latest[scope] = (points, latest)
        point["Count"] += 1
