"""The CUDA sources through NVIDIA's own compiler, which needs no GPU."""

from __future__ import annotations

import pytest

from kf_widget.history.gpu_sources import KERNELS, compile_options, kernel_parameters, kernel_source
from tests.gpu.nvrtc import compile_source


@pytest.mark.parametrize("one_price", [True, False])
@pytest.mark.parametrize("size", ["<f4", "<f8"])
@pytest.mark.parametrize("architecture", ["sm_70", "sm_80", "sm_90"])
def test_kernels_compile(architecture: str, size: str, one_price: bool) -> None:
    """To machine code, so that registers and shared memory fit too."""
    options = [*compile_options(size, one_price), f"--gpu-architecture={architecture}"]
    ptx, log = compile_source(kernel_source(), options)
    assert "error" not in log
    for name in KERNELS:
        assert f".entry {name}(" in ptx
    assert "fma.rn.f64" not in ptx, "a fused product would give other bits than the CPU"


def test_a_broken_source_does_not_compile() -> None:
    with pytest.raises(AssertionError, match="no_such_name"):
        compile_source(kernel_source() + "__device__ int broken() { return no_such_name; }", ["-std=c++17"])


def test_every_kernel_has_its_parameters_read() -> None:
    assert tuple(sorted(kernel_parameters())) == KERNELS
    scalars = {kind for kinds in kernel_parameters().values() for kind in kinds if not kind.endswith("*")}
    assert scalars <= {"int64", "double"}  # what CuPy makes of Python's numbers
