"""Blocks of an index by the GPU, over rows that lie on the host and stream through it."""

from __future__ import annotations

import numpy as np

from kf_widget.history.gpu_device import Device
from kf_widget.history.gpu_scan import blocks_for
from kf_widget.history.index import Nodes
from kf_widget.history.run_kernels import GROUP

__all__ = ["stream_nodes"]


def stream_nodes(device: Device, rows: Nodes, here: Nodes, chunk_rows: int) -> Nodes:
    """Blocks of an index over rows that lie on the host, as `build_nodes` makes them; times do not travel.

    Parameters
    ----------
    rows : 64 ticks for each block, so that high and low are one price, read-only
    here : overwritten, and returned
    chunk_rows : rows on the device at once, a multiple of 64; three times as many are held
    """
    n_rows, has_volume = GROUP * len(here.first), rows.sum.size > 0
    here.first[:] = rows.first[:n_rows:GROUP]
    layout = (rows.sum.dtype.str if has_volume else "<f8", True)
    hosts = [rows.high, rows.sum] if has_volume else [rows.high]
    cuts = [(row, min(row + chunk_rows, n_rows)) for row in range(0, n_rows, chunk_rows)]
    for (start, stop), there in zip(cuts, device.stream(hosts, cuts), strict=True):
        n_blocks = (stop - start) // GROUP
        made = [device.empty(n_blocks, np.float64) for _ in range(3)]
        size = there[1] if has_volume else None
        device.launch(
            layout, "index_blocks", blocks_for(8 * n_blocks, 256), 256,
            there[0], there[0], size, None, stop - start, *made, None,
        )  # fmt: skip
        blocks = here.part(start // GROUP, stop // GROUP)
        targets = (blocks.high, blocks.low, *((blocks.sum,) if has_volume else ()))
        device.fetch(list(zip(targets, made, strict=False)), device.now())
    return here
