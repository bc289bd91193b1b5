"""Vectors of eight times: which of some rows begin a bar of an even grid, as bits.

A loop that notes where bars begin takes 0.8 ns a row, where the bits of 64 rows take 0.2; where bars are
long, one time of every eight tells for most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

from kf_widget.history.lanes import DOUBLES, LANES, WORD, WORDS, loaded, repeated, shuffled

__all__ = ["cut_8", "cut_64", "cut_eights"]

_MAGIC: Final = ir.Constant(DOUBLES, [1.5 * 2.0**52] * LANES)
"""A double whose last bit is worth 1: a whole number within 2 ** 51 that is added to its bits is added to
its value. Processors before AVX-512 turn no vectors of int64 into doubles; one by one took twice as long."""


def _numbers(builder: Any, start: Any, inverse: Any) -> Callable[[Any], Any]:
    """What turns eight times into the numbers of their bars, from `start` on, as doubles."""
    begin = builder.sub(repeated(builder, start), builder.bitcast(_MAGIC, WORDS))
    scale = repeated(builder, inverse)
    half = ir.Constant(DOUBLES, [0.5] * LANES)
    floor = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
        builder.module, ir.FunctionType(DOUBLES, [DOUBLES]), "llvm.floor.v8f64"
    )

    def numbers(times: Any) -> Any:
        since = builder.fsub(builder.bitcast(builder.sub(times, begin), DOUBLES), _MAGIC)
        return builder.call(floor, [builder.fmul(builder.fadd(since, half), scale)])

    return numbers


def _changes(builder: Any, last: Any, here: Any) -> Any:
    """Which of eight numbers differ from the one before; the first, from the last of the eight before."""
    earlier = shuffled(builder, last, here, range(LANES - 1, 2 * LANES - 1))
    return builder.fcmp_unordered("!=", here, earlier)


def _word(builder: Any, parts: list[Any]) -> Any:
    """Eight flags each, as the bits of a uint64."""
    while len(parts) > 1:
        width = range(2 * parts[0].type.count)
        parts = [shuffled(builder, parts[k], parts[k + 1], width) for k in range(0, len(parts), 2)]
    bits = builder.bitcast(parts[0], ir.IntType(parts[0].type.count))
    return bits if bits.type == WORD else builder.zext(bits, WORD)


def _cut(vectors: int) -> Any:
    def cut_rows(typingctx: Any, time_ns: Any, row: Any, before: Any, start: Any, inverse: Any) -> Any:
        """Bit k of the result is set where row + k begins a bar, for each k of 8 or 64 rows.

        Parameters
        ----------
        time_ns : int64 (n,), C-contiguous
        row : int64; all rows are read (not checked)
        before : int64, the time of the row before, however early
        start : int64, where a bar of the even grid begins, within 2 ** 51 ns of the times of these rows
        inverse : float64, 1 / the grid's width

        Notes
        -----
        Half a nanosecond keeps the product away from whole numbers, so it is exact: 2 ** 51 ns are 26 days.
        A time before that is no number of a bar, but never one of these rows': the bits of a double rise with
        its value, so it is negative, or where they are no number, unordered and so different.
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            numbers = _numbers(builder, args[3], args[4])
            last = numbers(repeated(builder, args[2]))
            parts = []
            for times in loaded(context, builder, signature.args[0], args[0], args[1], vectors):
                here = numbers(times)
                parts.append(_changes(builder, last, here))
                last = here
            return _word(builder, parts)

        return types.uint64(time_ns, types.int64, types.int64, types.int64, types.float64), codegen

    return intrinsic(cut_rows)


def _cut_eights(typingctx: Any, time_ns: Any, row: Any, before: Any, start: Any, inverse: Any) -> Any:
    """Bit k of the result is set where a bar begins in the rows from row + 8 * k to row + 8 * k + 7.

    The arguments are those of `cut_64`. Of every eight times the last one is read.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        times = ir.Constant(WORDS, ir.Undefined)
        for k in range(LANES):
            place = builder.add(args[1], ir.Constant(WORD, LANES * k + LANES - 1))
            time = builder.load(cgutils.gep_inbounds(builder, data, place))  # type: ignore[no-untyped-call]
            times = builder.insert_element(times, time, ir.Constant(ir.IntType(32), k))
        numbers = _numbers(builder, args[3], args[4])
        return _word(builder, [_changes(builder, numbers(repeated(builder, args[2])), numbers(times))])

    return types.uint64(time_ns, types.int64, types.int64, types.int64, types.float64), codegen


# A decorator would tell mypy that the typing context is an argument of the caller's.
cut_8, cut_64 = _cut(1), _cut(8)
cut_eights: Any = intrinsic(_cut_eights)
