"""What a chart's frames cost, in a few numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from kf_widget.widget.conductor import Conductor

__all__ = ["summary"]


def summary(conductor: Conductor) -> dict[str, Any]:
    """Frames sent, and percentiles of what the last ones cost; `Chart.stats` tells of the keys."""
    sent, answered = list(conductor.sent), list(conductor.answered_s)
    result: dict[str, Any] = {
        "frames": conductor.frames,
        "sent_bytes": conductor.sent_bytes,
        "views": len(conductor.views),
    }
    for key in ("kernel_s", "draw_s", "encode_s", "send_s", "webp_bytes", "readout_bytes"):
        scale = 1000 if key.endswith("_s") else 1
        result[key.replace("_s", "_ms") if scale > 1 else key] = _percentiles(
            [entry[key] * scale for entry in sent]
        )
    result["answer_ms"] = _percentiles([value * 1000 for value in answered])
    return result


def _percentiles(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "p99": round(float(p99), 3)}
