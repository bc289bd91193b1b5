"""Tables looked up sixteen pixels at a time, where the processor can: a loop takes one pixel after another.

One instruction picks sixteen bytes from a table of sixteen, on x86 since SSSE3 and on every 64-bit ARM: 10 us
for the colours of a thumbnail of 60,000 pixels, for which a loop takes 23, and 3 us for 24 where each becomes
a byte. LLVM finds it in no loop. The kernels here go piece by piece and take the loop where an index is 16 or
more, or the processor has no such instruction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

from kf_widget.history.lanes import shuffled
from kf_widget.jit import kernel, part

__all__ = ["finish_stream", "highest", "is_lookup", "look_up", "look_up_rgb", "seen_bits"]

_SIXTEEN: Final = 16
_ALIGNED: Final = 16
_PIECE: Final = 1 << 13
_POWERS: Final = np.uint16(1) << np.arange(_SIXTEEN, dtype=np.uint16)
_BYTE: Final = ir.IntType(8)
_INDEX: Final = ir.IntType(32)
_WORD: Final = ir.IntType(64)
_BYTES: Final = ir.VectorType(_BYTE, _SIXTEEN)


def _instruction(context: Any) -> str:
    """LLVM's name of the instruction that picks bytes; empty where there is none."""
    triple, _, features = context.codegen().magic_tuple()
    if "+ssse3" in features.split(","):
        return "llvm.x86.ssse3.pshuf.b.128"
    return "llvm.aarch64.neon.tbl1.v16i8" if triple.startswith(("aarch64", "arm64")) else ""


def _picks_bytes(typingctx: Any) -> Any:
    """Whether the processor has the instruction; known when a kernel is compiled."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(ir.IntType(1), bool(_instruction(context)))

    return types.boolean(), codegen


def _picked(context: Any, builder: Any, table: Any, places: Any) -> Any:
    """The entries of a vector of sixteen bytes at those places, each below sixteen."""
    if name := _instruction(context):
        kind = ir.FunctionType(_BYTES, [_BYTES, _BYTES])
        pick = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
        return builder.call(pick, [table, places])
    return ir.Constant(_BYTES, None)  # never run: see `_picks_bytes`


def _merged(builder: Any, planes: list[Any]) -> Any:
    """The first byte of each vector, the second of each, and so on; of 1, 2 or 4 vectors."""
    while len(planes) > 1:
        half, size = len(planes) // 2, planes[0].type.count
        turns = [place for k in range(size) for place in (k, size + k)]
        planes = [shuffled(builder, planes[k], planes[k + half], turns) for k in range(half)]
    return planes[0]


def _over_sixteens(then: Callable[[Any, Any, Any, Any], None], kept: int = 4) -> Any:
    """A loop that calls ``then(builder, found, place, held)`` with the entries for sixteen indices, as bytes.

    kept : so many bytes of each entry, where it has more
    place : where the sixteen go in `out`
    held : as many bytes, 0 at first; their words, or'ed, are the result
    """

    def look_up_sixteens(typingctx: Any, indices: Any, table: Any, out: Any) -> Any:
        """Look up as many indices as make whole sixteens, all of them below sixteen.

        indices : uint8 (n,); table : uint8, uint16 or uint32 (16,) or more; out : as many bytes as are kept
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            places, entries, target = (
                context.make_array(kind)(context, builder, array)
                for kind, array in zip(signature.args, args, strict=True)
            )
            width = context.get_abi_sizeof(entries.data.type.pointee)
            wide = ir.VectorType(_BYTE, width * _SIXTEEN)
            table = builder.load(builder.bitcast(entries.data, wide.as_pointer()), align=1)
            planes = [
                shuffled(builder, table, table, [width * k + byte for k in range(_SIXTEEN)])
                for byte in range(width)
            ]
            some = [k for k in range(wide.count) if k % width < kept]
            room = ir.VectorType(_BYTE, len(some))
            bytes_out = builder.bitcast(target.data, _BYTE.as_pointer())
            nothing = ir.Constant(room, None)
            held = cgutils.alloca_once_value(builder, nothing)  # type: ignore[no-untyped-call]
            stop = builder.and_(places.nitems, ir.Constant(_WORD, -_SIXTEEN))
            with cgutils.for_range_slice(
                builder, ir.Constant(_WORD, 0), stop, ir.Constant(_WORD, _SIXTEEN)
            ) as (at, _):
                here = builder.bitcast(builder.gep(places.data, [at]), _BYTES.as_pointer())
                sixteen = builder.load(here, align=1)
                found = _merged(builder, [_picked(context, builder, plane, sixteen) for plane in planes])
                found = shuffled(builder, found, found, some) if len(some) < wide.count else found
                first = builder.mul(at, ir.Constant(_WORD, min(width, kept)))
                place = builder.bitcast(builder.gep(bytes_out, [first]), room.as_pointer())
                then(builder, found, place, held)
            return _either(builder, builder.load(held))

        return types.int64(indices, table, out), codegen

    return intrinsic(look_up_sixteens)


def _store(builder: Any, found: Any, place: Any, held: Any) -> None:
    builder.store(found, place, align=1)


def _stream(builder: Any, found: Any, place: Any, held: Any) -> None:
    """Store past the caches: memory that is not in them need not be read before it is written."""
    store = builder.store(found, place, align=_ALIGNED)
    store.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(_INDEX, 1)]))


def _fence(typingctx: Any) -> Any:
    """Wait until other threads see what was streamed."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


def _note_difference(builder: Any, found: Any, place: Any, held: Any) -> None:
    _note(builder, builder.xor(found, builder.load(place, align=1)), place, held)


def _note(builder: Any, found: Any, place: Any, held: Any) -> None:
    builder.store(builder.or_(builder.load(held), found), held)


def _either(builder: Any, held: Any) -> Any:
    """All words of a vector, or'ed."""
    words = builder.bitcast(held, ir.VectorType(_WORD, held.type.count // 8))
    found = ir.Constant(_WORD, 0)
    for k in range(words.type.count):
        found = builder.or_(found, builder.extract_element(words, ir.Constant(_INDEX, k)))
    return found


# A decorator would tell mypy that the typing context is an argument of the caller's.
_can_pick: Any = intrinsic(_picks_bytes)
finish_stream: Any = intrinsic(_fence)
_store_sixteens, _store_threes = _over_sixteens(_store), _over_sixteens(_store, 3)
_stream_sixteens, _stream_threes = _over_sixteens(_stream), _over_sixteens(_stream, 3)
_compare_sixteens, _note_sixteens = _over_sixteens(_note_difference), _over_sixteens(_note)


@part(_nrt=False)
def highest(pixels: Any) -> Any:
    """The highest of uint8 (n,)."""
    top = np.uint8(0)
    for i in range(pixels.size):
        top = max(top, pixels[i])
    return top


@part(_nrt=False)
def _by_sixteens(pixels: Any) -> int:
    """How many of these pixels, in whole sixteens, one instruction looks up: all, or none."""
    return pixels.size & -_SIXTEEN if _can_pick() and highest(pixels) < _SIXTEEN else 0


@kernel
def look_up(indices: Any, table: Any, out: Any, streamed: bool) -> None:
    """Look up one entry a pixel.

    indices : uint8 (n,), each below the table's size
    table : uint8 or uint32 (16,) or more
    out : the same (n,), overwritten
    streamed : past the caches, until `finish_stream`; `out` then begins at a multiple of 16 bytes
    """
    n = indices.size
    for start in range(0, n, _PIECE):
        stop = min(start + _PIECE, n)
        done = _by_sixteens(indices[start:stop])
        if done > 0:
            if streamed:
                _stream_sixteens(indices[start : start + done], table, out[start:stop])
            else:
                _store_sixteens(indices[start : start + done], table, out[start:stop])
        for i in range(start + done, stop):
            out[i] = table[indices[i]]


@kernel
def look_up_rgb(indices: Any, table: Any, out: Any, streamed: bool) -> None:
    """Look up four pixels for three words.

    indices : uint8 (4 n,); table : uint32 (256,), 0x00BBGGRR; out : uint32 (3 n,), overwritten
    streamed : as for `look_up`
    """
    n = indices.size
    for start in range(0, n, _PIECE):
        stop = min(start + _PIECE, n)
        done = _by_sixteens(indices[start:stop])
        if done > 0:
            if streamed:
                _stream_threes(indices[start : start + done], table, out[start // 4 * 3 :])
            else:
                _store_threes(indices[start : start + done], table, out[start // 4 * 3 :])
        for i in range((start + done) // 4, stop // 4):
            a = table[indices[4 * i]]
            b = table[indices[4 * i + 1]]
            c = table[indices[4 * i + 2]]
            d = table[indices[4 * i + 3]]
            out[3 * i] = a | b << np.uint32(24)
            out[3 * i + 1] = b >> np.uint32(8) | c << np.uint32(16)
            out[3 * i + 2] = c >> np.uint32(16) | d << np.uint32(8)


@kernel
def is_lookup(indices: Any, table: Any, held: Any) -> bool:
    """Whether `held` is what `look_up` would write; takes what it does."""
    n = indices.size
    same = True
    for start in range(0, n, _PIECE):
        stop = min(start + _PIECE, n)
        done = _by_sixteens(indices[start:stop])
        if done > 0:
            same &= _compare_sixteens(indices[start : start + done], table, held[start:stop]) == 0
        for i in range(start + done, stop):
            same &= held[i] == table[indices[i]]
    return same


@part(_nrt=False)
def seen_bits(pixels: Any) -> Any:
    """Bit k is set where an index k occurs in uint8 (n,), each below 16."""
    done = pixels.size & -_SIXTEEN if _can_pick() else 0
    bits = np.uint32(0)
    if done > 0:
        four = _note_sixteens(pixels[:done], _POWERS, pixels)
        for k in range(0, 64, 16):
            bits |= np.uint32((four >> k) & 0xFFFF)
    for i in range(done, pixels.size):
        bits |= np.uint32(1) << np.uint32(pixels[i])
    return np.int64(bits)
