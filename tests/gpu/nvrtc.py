"""CUDA's run-time compiler from its wheel, called without a GPU or a driver."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path


@functools.cache
def library() -> ctypes.CDLL:
    """The library of the wheel nvidia-cuda-nvrtc-cu12."""
    spec = importlib.util.find_spec("nvidia.cuda_nvrtc")
    assert spec is not None, "nvidia-cuda-nvrtc-cu12 is not installed: pip install 'kf_widget[test]'"
    for folder in spec.submodule_search_locations or ():
        for path in (*Path(folder, "lib").glob("libnvrtc.so.*"), *Path(folder, "bin").glob("nvrtc64_*.dll")):
            if "alt" not in path.name:
                return ctypes.CDLL(str(path))
    raise AssertionError("nvidia-cuda-nvrtc-cu12 holds no library for this system")


def compile_source(source: str, options: Sequence[str]) -> tuple[str, str]:
    """PTX and the compiler's log; an assertion fails with the log where it does not compile."""
    nvrtc = library()
    program = ctypes.c_void_p()
    assert nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None) == 0
    try:
        given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        code = nvrtc.nvrtcCompileProgram(program, len(options), given)
        log = _text(nvrtc, program, "ProgramLog")
        assert code == 0, f"nvrtc gives {code}:\n{log}"
        return _text(nvrtc, program, "PTX"), log
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _text(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> str:
    size = ctypes.c_size_t()
    assert nvrtc[f"nvrtcGet{what}Size"](program, ctypes.byref(size)) == 0
    buffer = ctypes.create_string_buffer(size.value)
    assert nvrtc[f"nvrtcGet{what}"](program, buffer) == 0
    return buffer.value.decode()
