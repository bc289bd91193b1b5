"""The kernel that sends rows to a device: Python's lock would be asked for thousands of times a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.history.atomic import take
from kf_widget.history.foreign import call1, call2, call4, copy_bytes
from kf_widget.jit import kernel

__all__ = ["send_pieces"]


@kernel(_nrt=False)
def send_pieces(
    pieces: npt.NDArray[np.int64],
    taken: npt.NDArray[np.int64],
    rooms: npt.NDArray[np.int64],
    events: npt.NDArray[np.int64],
    stream: int,
    copy: int,
    record: int,
    wait: int,
) -> Any:
    """Send the pieces that nobody has taken yet.

    pieces : int64 (n, 4), of each the address on the device, that on the host, its bytes, and 1 where the
        device can read the host's itself, else 0
    taken : int64 (1,), number of the next piece; shared by all threads
    rooms, events : int64 (k,), the thread's own: addresses of page-locked memory, each as large as a piece,
        and handles of the events after which it may be written again
    stream : handle; copy, record, wait : addresses of the driver's functions for this

    Returns 0, or the driver's code for what went wrong.
    """
    turn = 0
    piece = take(taken, 0)
    while piece < pieces.shape[0]:
        target, source, n_bytes = pieces[piece, 0], pieces[piece, 1], pieces[piece, 2]
        code = call1(wait, events[turn])  # at once where it was never recorded
        if code != 0:
            return code
        if pieces[piece, 3] == 0:
            copy_bytes(rooms[turn], source, n_bytes)
            source = rooms[turn]
        code = call4(copy, target, source, n_bytes, stream)
        if code == 0:
            code = call2(record, events[turn], stream)
        if code != 0:
            return code
        turn = (turn + 1) % rooms.size
        piece = take(taken, 0)
    return 0
