"""Tables looked up, beside NumPy's own indexing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import llvmlite.binding
import numba
import numpy as np
import pytest
from llvmlite import ir

from kf_widget.raster import lookup
from kf_widget.raster.lookup import is_lookup, look_up, look_up_rgb

seen_bits = numba.njit(lambda pixels: lookup.seen_bits(pixels))


def lined_up(size, dtype):
    """Zeros that begin at a multiple of 16 bytes."""
    room = np.zeros(size * np.dtype(dtype).itemsize + 16, np.uint8)
    first = -room.ctypes.data % 16
    return room[first : first + size * np.dtype(dtype).itemsize].view(dtype)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint32])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4096, 8192, 8193, 20_000])
@pytest.mark.parametrize("most", [1, 2, 15, 16, 17, 255])
def test_equals_indexing(dtype, size, most, streamed):
    rng = np.random.default_rng(size)
    table = rng.integers(0, np.iinfo(dtype).max, 256, dtype, endpoint=True)
    indices = rng.integers(0, most, size, np.uint8)
    indices[: size // 3] %= 7  # a piece that can be picked beside one that cannot
    out = lined_up(size, dtype)
    look_up(indices, table, out, streamed)
    np.testing.assert_array_equal(out, table[indices])
    assert is_lookup(indices, table, out)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("size", [4, 60, 64, 8192, 8196, 20_000])
@pytest.mark.parametrize("most", [1, 16, 17])
def test_four_pixels_in_three_words_equal_indexing(size, most, streamed):
    rng = np.random.default_rng(size)
    table = rng.integers(0, 1 << 24, 256, np.uint32)
    indices = rng.integers(0, most, size, np.uint8)
    out = lined_up(size // 4 * 3, np.uint32)
    look_up_rgb(indices, table, out, streamed)
    np.testing.assert_array_equal(
        out.view(np.uint8), table[indices].view(np.uint8).reshape(-1, 4)[:, :3].ravel()
    )


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors name the instruction otherwise")
def test_streams_go_past_the_caches():
    stream = numba.njit(lambda indices, table, out: lookup._stream_sixteens(indices, table, out))
    stream(np.zeros(16, np.uint8), np.zeros(256, np.uint32), lined_up(16, np.uint32))
    assert all("movnt" in text for text in stream.inspect_asm().values())


@pytest.mark.parametrize("most", [16, 200])
@pytest.mark.parametrize("place", [0, 1, 15, 16, 8191, 8192, 9007, 9008, 9009])
def test_any_changed_byte_is_seen(most, place):
    rng = np.random.default_rng(place)
    table = rng.integers(0, 1 << 32, 256, np.uint32)
    indices = rng.integers(0, most, 9010, np.uint8)
    held = table[indices]
    for byte in range(4):
        held[place] ^= 1 << (8 * byte + byte)
        assert not is_lookup(indices, table, held)
        held[place] ^= 1 << (8 * byte + byte)
    assert is_lookup(indices, table, held)


@pytest.mark.parametrize("size", [1, 16, 1000, 5003])
@pytest.mark.parametrize("some", [[0], [15], [3, 9], [0, 7, 15], list(range(16))])
def test_seen_bits_are_the_indices_that_occur(size, some):
    pixels = np.random.default_rng(size).choice(np.array(some, np.uint8), size)
    assert seen_bits(pixels) == sum(1 << int(index) for index in np.unique(pixels))


@pytest.mark.parametrize("place", range(40))
def test_one_pixel_of_another_index_is_seen(place):
    pixels = np.full(40, 3, np.uint8)
    pixels[place] = 9
    assert seen_bits(pixels) == 1 << 3 | 1 << 9


def test_a_processor_without_the_instruction_gets_the_same(tmp_path):
    program = """
import numpy as np
from kf_widget.raster import raster_rgb
from kf_widget.raster.lookup import is_lookup, look_up
indices = np.arange(52, dtype=np.uint8) % 13
table = np.arange(256, dtype=np.uint32) * 77777
out = np.zeros(52, np.uint32)
look_up(indices, table, out, False)
assert (out == table[indices]).all() and is_lookup(indices, table, out)
wanted = np.stack([table >> 16, table >> 8, table], -1).astype(np.uint8)[indices]
assert (raster_rgb(indices, table) == wanted).all()
assert not any("pshufb" in text for text in look_up.inspect_asm().values())
"""
    surroundings = {**os.environ, "NUMBA_CPU_NAME": "generic", "KF_WIDGET_CACHE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=surroundings, timeout=300)


@pytest.mark.parametrize(
    ("triple", "features", "instruction"),
    [("x86_64-unknown-linux-gnu", "+ssse3", "pshufb"), ("aarch64-unknown-linux-gnu", "", "tbl")],
)
def test_one_instruction_picks_sixteen_bytes(triple, features, instruction):
    llvmlite.binding.initialize_all_targets()
    llvmlite.binding.initialize_all_asmprinters()
    codegen = SimpleNamespace(magic_tuple=lambda: (triple, "", features))
    module = ir.Module()
    bytes_ = ir.VectorType(ir.IntType(8), 16)
    function = ir.Function(module, ir.FunctionType(bytes_, [bytes_, bytes_]), "pick")
    builder = ir.IRBuilder(function.append_basic_block())
    context = SimpleNamespace(codegen=lambda: codegen)
    builder.ret(lookup._picked(context, builder, *function.args))
    machine = llvmlite.binding.Target.from_triple(triple).create_target_machine(features=features)
    text = machine.emit_assembly(llvmlite.binding.parse_assembly(str(module)))
    assert instruction in text
