"""The CUDA C sources of the kernels, as one text, and how they are compiled."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from kf_widget.errors import KfError

__all__ = ["KERNELS", "compile_options", "kernel_parameters", "kernel_source"]

_FILES: Final = ("tree.cu", "bars.cu", "edges.cu", "index.cu", "running.cu")
_SIGNATURE: Final = re.compile(
    r'extern "C" __global__ void (?:__launch_bounds__\([\w, ]+\) )?(\w+)\(([^)]*)\)'
)

KERNELS: Final = (
    "bar_pieces",
    "bars_inside",
    "count_marks",
    "index_blocks",
    "level_up",
    "mark_blocks",
    "mark_crossings",
    "mark_times",
    "merge_bars",
    "super_edges",
    "value_blocks",
    "write_marks",
)
"""Names of all kernels."""


@functools.cache
def kernel_source() -> str:
    """All of ``kernels/*.cu``, each file once, from the checkout or from the installed package.

    Raises
    ------
    KfError : a file is missing.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "kernels", package.parent / "kernels"):
        if all((folder / name).is_file() for name in _FILES):
            return "\n".join((folder / name).read_text() for name in _FILES)
    raise KfError(
        f"kernels: {', '.join(_FILES)} must be in {package / 'kernels'}, got none there."
        " Install kf_widget from its wheel, or run it from a whole checkout."
    )


def compile_options(size_type: npt.DTypeLike, one_price: bool) -> tuple[str, ...]:
    """Options that compile the kernels for one layout of columns.

    Products are rounded before they are added, as on the CPU: no contraction to fused operations.
    """
    size = {"f4": "float", "f8": "double"}[np.dtype(size_type).str[1:]]
    return ("-std=c++17", "-fmad=false", f"-DSIZE_T={size}", f"-DONE_PRICE={int(one_price)}")


@functools.cache
def kernel_parameters() -> dict[str, tuple[str, ...]]:
    """C types of each kernel's parameters, for example ``("const double *", "int64")``."""

    def kind(parameter: str) -> str:
        words = parameter.replace("__restrict__", " ").replace("*", " * ").split()
        return " ".join(words[:-1])

    found: dict[str, Any] = {
        name: tuple(kind(parameter) for parameter in text.split(","))
        for name, text in _SIGNATURE.findall(kernel_source())
    }
    return found
