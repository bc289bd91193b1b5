"""The device under the GPU backend: memory, launches, and what stands in the way of using one."""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from kf_widget.errors import KfError
from kf_widget.history.gpu_sources import compile_options, kernel_source

if TYPE_CHECKING:
    from kf_widget.history.gpu_stream import Landing, Sending

__all__ = ["CupyDevice", "Device", "GpuInfo", "find_device", "gpu_info"]

_NULL: Final = np.uint64(0)
_DRIVER: Final = "nvcuda.dll" if os.name == "nt" else "libcuda.so.1"
_STAGED_BYTES: Final = 64 << 20
_TO_DEVICE: Final = 1  # of CUDA's enumeration cudaMemcpyKind


class Device(Protocol):
    """What the backend needs of a device. Arrays are one-dimensional and slice as NumPy's do.

    `CupyDevice` is the one that ships. Tests bring another, on which the same kernels run on the CPU.

    Attributes
    ----------
    out_of_memory : the exception that its allocations raise.
    """

    out_of_memory: Any

    def empty(self, n: int, dtype: npt.DTypeLike) -> Any:
        """A new array, its contents undefined."""

    def zeros(self, n: int, dtype: npt.DTypeLike) -> Any:
        """A new array of zeros."""

    def upload(self, host: npt.NDArray[Any]) -> Any:
        """A copy on the device."""

    def download(self, array: Any) -> npt.NDArray[Any]:
        """A copy on the host; waits for what was launched before."""

    def read_later(self, array: Any) -> Callable[[], int]:
        """The first element of an int64 array as it is when all launched so far is done, when called for."""

    def now(self) -> Any:
        """A point after all that was launched so far."""

    def fetch(self, pairs: Sequence[tuple[npt.NDArray[Any], Any]], after: Any) -> None:
        """Copy device arrays into host arrays of the same length and dtype, once a point is reached."""

    def stream(
        self, columns: Sequence[npt.NDArray[Any]], cuts: Sequence[tuple[int, int]]
    ) -> Generator[list[Any]]:
        """Copies of the columns' rows, one half-open range after the other, each good until the next."""

    def running_total(self, counts: Any) -> Any:
        """Inclusive running sums, int64."""

    def launch(
        self, layout: tuple[str, bool], kernel: str, n_blocks: int, n_threads: int, *arguments: Any
    ) -> None:
        """Start a kernel compiled for a layout: the dtype of sizes, and whether there is one price."""

    def free_bytes(self) -> int:
        """Memory that new arrays can still have."""

    def give_back(self) -> None:
        """Let go of memory that is kept for new arrays."""


@dataclass(frozen=True)
class GpuInfo:
    """What was found; true where the GPU can be used.

    Attributes
    ----------
    usable : whether ``backend="gpu"`` works.
    reason : why not, and what to do about it; "" where it works.
    device : name of the device, "" without one.
    memory_bytes : memory of the device, 0 without one.
    compute_capability : for example "9.0".
    driver_version, runtime_version : CUDA versions, for example "13.0"; "" where unknown.
    cupy_version : "" where CuPy is not installed.
    """

    usable: bool
    reason: str = ""
    device: str = ""
    memory_bytes: int = 0
    compute_capability: str = ""
    driver_version: str = ""
    runtime_version: str = ""
    cupy_version: str = ""

    def __bool__(self) -> bool:
        return self.usable

    def __repr__(self) -> str:
        if not self.usable:
            return f"GPU: not usable. {self.reason}"
        return (
            f"GPU: {self.device}, {self.memory_bytes / 2**30:.0f} GiB, compute capability"
            f" {self.compute_capability}; driver for CUDA {self.driver_version}, CuPy {self.cupy_version}"
            f" with CUDA {self.runtime_version}"
        )


def gpu_info() -> GpuInfo:
    """What GPU backend="gpu" would use; if none, why not and what to do about it.

    Returns
    -------
    GpuInfo, true where the GPU is usable. The first call that finds a device compiles a kernel on it.
    """
    found = _driver()
    if isinstance(found, str):
        return GpuInfo(False, found, cupy_version=_cupy_version())
    driver_version, device = found
    cuda = driver_version.split(".")[0]
    known: dict[str, Any] = {"device": device, "driver_version": driver_version}
    try:
        import cupy
    except ImportError as error:
        version = _cupy_version()
        wanted = f"pip install cupy-cuda{'13x' if int(cuda) >= 13 else '12x'}"
        if not version:
            reason = f"{device} is there, but CuPy is not installed. Install it with `{wanted}`."
        else:
            reason = (
                f"CuPy {version} does not load ({error}). The driver runs CUDA {driver_version}:"
                f" uninstall every cupy package, then `{wanted}`."
            )
        return GpuInfo(False, reason, cupy_version=version, **known)
    known["cupy_version"] = cupy.__version__
    try:
        runtime = cupy.cuda.runtime.runtimeGetVersion()
        known["runtime_version"] = f"{runtime // 1000}.{runtime % 1000 // 10}"
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        memory = int(properties["totalGlobalMem"])
        capability = f"{properties['major']}.{properties['minor']}"
        probe = cupy.RawModule(code='extern "C" __global__ void probe(int *a) { *a = 41; }')
        answer = cupy.zeros(1, cupy.int32)
        probe.get_function("probe")((1,), (1,), (answer,))
        works = int(answer[0]) == 41
        reason = "" if works else f"{device} gives wrong results. Update its driver."
    except Exception as error:  # of CuPy, the driver or the compiler: all end up here
        reason = (
            f"CuPy {cupy.__version__} cannot use {device} ({type(error).__name__}: {error}). The driver runs"
            f" CUDA {driver_version}: take the CuPy for CUDA {cuda}, or update the driver."
        )
        return GpuInfo(False, reason, **known)
    known["device"] = properties["name"].decode()
    return GpuInfo(works, reason, memory_bytes=memory, compute_capability=capability, **known)


def _cupy_version() -> str:
    import importlib.metadata

    for name in ("cupy-cuda13x", "cupy-cuda12x", "cupy-cuda11x", "cupy"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def _driver() -> str | tuple[str, str]:
    """(CUDA version of the driver, name of the device), or why there is none."""
    try:
        cuda = ctypes.CDLL(_DRIVER)
    except OSError:
        return (
            f"There is no NVIDIA driver ({_DRIVER} is not found). The CPU does the work. With an NVIDIA GPU"
            " in this machine: install its driver, and start containers with the GPU passed on"
            " (`--gpus all`)."
        )
    code = cuda.cuInit(0)
    if code == 100:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        if hidden is not None:
            return f"CUDA_VISIBLE_DEVICES is {hidden!r}, which hides every GPU. Unset it."
        return "The NVIDIA driver finds no GPU. See what `nvidia-smi` says."
    if code:
        return f"The NVIDIA driver does not start (cuInit gives {code}). See what `nvidia-smi` says."
    version, count, device = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(version))
    cuda.cuDeviceGetCount(ctypes.byref(count))
    if not count.value:
        return "The NVIDIA driver finds no GPU. See what `nvidia-smi` says."
    label = ctypes.create_string_buffer(256)
    cuda.cuDeviceGet(ctypes.byref(device), 0)
    cuda.cuDeviceGetName(label, 256, device)
    return f"{version.value // 1000}.{version.value % 1000 // 10}", label.value.decode()


_lock = threading.Lock()
_found: CupyDevice | None = None


def find_device() -> CupyDevice:
    """The device of this process, found once.

    Raises
    ------
    KfError : none is usable; says why and what to do.
    """
    global _found
    with _lock:
        if _found is None:
            info = gpu_info()
            if not info.usable:
                raise KfError(f"backend 'gpu': no GPU can be used. {info.reason}")
            _found = CupyDevice(info)
        return _found


class CupyDevice:
    """The current CUDA device, through CuPy, whose memory pool and current stream it uses."""

    def __init__(self, info: GpuInfo) -> None:
        import cupy

        self.info = info
        self.cupy: Any = cupy
        self._number = cupy.cuda.Device().id
        self._turn = threading.Lock()
        self._staged: list[tuple[Any, Any]] = []  # what is on its way, and the memory that it is read from
        self.out_of_memory: Any = cupy.cuda.memory.OutOfMemoryError

    def empty(self, n: int, dtype: npt.DTypeLike) -> Any:
        """A new array, its contents undefined."""
        return self.cupy.empty(n, dtype)

    def zeros(self, n: int, dtype: npt.DTypeLike) -> Any:
        """A new array of zeros."""
        return self.cupy.zeros(n, dtype)

    def upload(self, host: npt.NDArray[Any]) -> Any:
        """A copy on the device; of at most a few megabytes without waiting until it is there."""
        array = self.empty(len(host), host.dtype)
        if host.nbytes > _STAGED_BYTES:
            array.set(host)
        elif host.nbytes:
            self._send(array, host)
        return array

    def _send(self, array: Any, host: npt.NDArray[Any]) -> None:
        # From pageable memory it would wait behind all that travels already.
        staged = self.cupy.cuda.alloc_pinned_memory(host.nbytes)
        np.frombuffer(staged, host.dtype, len(host))[:] = host
        stream = self.cupy.cuda.get_current_stream()
        self.cupy.cuda.runtime.memcpyAsync(array.data.ptr, staged.ptr, host.nbytes, _TO_DEVICE, stream.ptr)
        with self._turn:
            self._staged = [(sent, memory) for sent, memory in self._staged if not sent.done]
            self._staged.append((stream.record(), staged))

    def download(self, array: Any) -> npt.NDArray[Any]:
        """A copy on the host; waits for what was launched before."""
        return self.cupy.asnumpy(array)  # type: ignore[no-any-return]

    @functools.cached_property
    def _sending(self) -> Sending:
        from kf_widget.history.gpu_stream import Calls, Sending

        return Sending(self.cupy, Calls.of(ctypes.CDLL(_DRIVER)))

    @functools.cached_property
    def _landing(self) -> Landing:
        from kf_widget.history.gpu_stream import Landing

        return Landing(self.cupy)

    def read_later(self, array: Any) -> Callable[[], int]:
        """The first element of an int64 array as it is when all launched so far is done, when called for."""
        stream = self.cupy.cuda.get_current_stream()
        memory = self.cupy.cuda.alloc_pinned_memory(8)
        self.cupy.cuda.runtime.memcpyAsync(memory.ptr, array.data.ptr, 8, 2, stream.ptr)
        done = stream.record()

        def read() -> int:
            done.synchronize()
            return int(np.frombuffer(memory, np.int64, 1)[0])

        return read

    def now(self) -> Any:
        """An event after all that was launched so far on the current stream."""
        return self.cupy.cuda.get_current_stream().record()

    def fetch(self, pairs: Sequence[tuple[npt.NDArray[Any], Any]], after: Any) -> None:
        """Copy device arrays into host arrays of the same length and dtype, through pinned buffers."""
        with self.cupy.cuda.Device(self._number):  # whatever thread this is
            self._landing.fetch(pairs, after)

    def stream(
        self, columns: Sequence[npt.NDArray[Any]], cuts: Sequence[tuple[int, int]]
    ) -> Generator[list[Any]]:
        """Copies of the columns' rows, range after range; the next one travels meanwhile."""
        return self._sending.chunks(self, columns, cuts)

    def running_total(self, counts: Any) -> Any:
        """Inclusive running sums, int64."""
        return self.cupy.cumsum(counts)

    def launch(
        self, layout: tuple[str, bool], kernel: str, n_blocks: int, n_threads: int, *arguments: Any
    ) -> None:
        """Start a kernel on the current stream; nothing is started where there are no blocks."""
        if n_blocks < 1:
            return
        # Kernels take int64 and double alone: CuPy passes Python's numbers as just these.
        given = tuple(_NULL if value is None else value for value in arguments)
        _function(layout, kernel)((n_blocks,), (n_threads,), given)

    def free_bytes(self) -> int:
        """Memory that new arrays can still have, the pool's free blocks included."""
        free, _ = self.cupy.cuda.runtime.memGetInfo()
        return int(free) + int(self.cupy.get_default_memory_pool().free_bytes())

    def give_back(self) -> None:
        """Return the pool's free blocks to the driver."""
        self.cupy.get_default_memory_pool().free_all_blocks()


@functools.cache
def _function(layout: tuple[str, bool], kernel: str) -> Any:
    return _module(layout).get_function(kernel)


@functools.cache
def _module(layout: tuple[str, bool]) -> Any:
    import cupy

    return cupy.RawModule(code=kernel_source(), options=compile_options(*layout))
