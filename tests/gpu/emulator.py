"""A device on which the CUDA sources run as they are, compiled by g++ over `simt.h`."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kf_widget.history.gpu_sources import compile_options, kernel_parameters, kernel_source

HERE = Path(__file__).parent
MISSING = "" if shutil.which("g++") else "g++ is not installed: the kernels cannot run on the CPU"
_CTYPES: dict[str, Any] = {"int64": ctypes.c_int64, "int": ctypes.c_int32, "double": ctypes.c_double}


def _launchers() -> str:
    """For each kernel a C function that takes its arguments as an array of pointers to them."""
    text = []
    for name, kinds in kernel_parameters().items():
        call = ", ".join(f"*static_cast<{kind} *>(a[{i}])" for i, kind in enumerate(kinds))
        text.append(
            f'extern "C" void launch_{name}(unsigned blocks, unsigned threads, void **arguments) {{\n'
            f"    simt::run(blocks, threads, [](void *p) {{\n"
            f"        void **a = static_cast<void **>(p);\n        {name}({call});\n    }}, arguments);\n}}\n"
        )
    return "".join(text)


@functools.cache
def library(size_type: str, one_price: bool) -> ctypes.CDLL:
    """The kernels for one layout of columns, compiled once a process."""
    folder = Path(tempfile.mkdtemp(prefix="kf_widget_simt_"))
    source, built = folder / "kernels.cpp", folder / "kernels.so"
    source.write_text(f'#include "simt.h"\n{kernel_source()}\n{_launchers()}')
    options = [o for o in compile_options(size_type, one_price) if o != "-fmad=false"]
    unwanted = ("unknown-pragmas", "unused-function", "unused-parameter", "maybe-uninitialized", "clobbered")
    warnings = ["-Wall", "-Wextra", "-Werror", *(f"-Wno-{name}" for name in unwanted)]
    # No contraction, as with -fmad=false; a fortified longjmp does not believe in fibers.
    options += ["-O1", "-ffp-contract=off", "-U_FORTIFY_SOURCE", "-I", str(HERE)]
    command = ["g++", "-shared", "-fPIC", *options, *warnings]
    done = subprocess.run([*command, "-o", str(built), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = ctypes.CDLL(str(built))
    shutil.rmtree(folder)
    return loaded


class EmulatedDevice:
    """A `Device` whose memory is NumPy's; what was not written reads as rubbish."""

    out_of_memory: Any = MemoryError

    def __init__(self) -> None:
        self.launched: list[str] = []

    def empty(self, n: int, dtype: npt.DTypeLike) -> Any:
        array = np.empty(n, dtype)
        array.view(np.uint8)[:] = 0xA5
        return array

    def zeros(self, n: int, dtype: npt.DTypeLike) -> Any:
        return np.zeros(n, dtype)

    def upload(self, host: npt.NDArray[Any]) -> Any:
        array = self.empty(len(host), host.dtype)
        array[:] = host
        return array

    def download(self, array: Any) -> npt.NDArray[Any]:
        return array.copy()  # type: ignore[no-any-return]

    def read_later(self, array: Any) -> Callable[[], int]:
        value = int(array[0])
        return lambda: value

    def now(self) -> Any:
        return len(self.launched)

    def fetch(self, pairs: Sequence[tuple[npt.NDArray[Any], Any]], after: Any) -> None:
        assert after <= len(self.launched)
        for host, array in pairs:
            assert host.dtype == array.dtype
            host[:] = array

    def stream(
        self, columns: Sequence[npt.NDArray[Any]], cuts: Sequence[tuple[int, int]]
    ) -> Generator[list[Any]]:
        for start, stop in cuts:
            yield [self.upload(column[start:stop]) for column in columns]

    def running_total(self, counts: Any) -> Any:
        return np.cumsum(counts)

    def give_back(self) -> None:
        pass

    def free_bytes(self) -> int:
        return 0

    def launch(
        self, layout: tuple[str, bool], kernel: str, n_blocks: int, n_threads: int, *arguments: Any
    ) -> None:
        self.launched.append(kernel)
        kinds = kernel_parameters()[kernel]
        values = []
        for kind, value in zip(kinds, arguments, strict=True):
            if kind.endswith("*"):
                assert value is None or value.flags.c_contiguous
                values.append(ctypes.c_void_p(None if value is None else value.ctypes.data))
            else:
                values.append(_CTYPES[kind](value))
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        if n_blocks > 0:
            getattr(library(*layout), f"launch_{kernel}")(n_blocks, n_threads, pointers)
