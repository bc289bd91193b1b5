"""Vectors of eight values that plain loops do not reach: masked sums and extremes.

LLVM keeps a masked sum of fixed order out of vectors: it went through memory, at 7.6 ns for a bar of up to
eight rows where this takes 2. Vectors are spelled in the compiler's own terms, so every processor has them,
in registers as wide as its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = [
    "DOUBLES",
    "LANES",
    "WORD",
    "WORDS",
    "bit_count",
    "first_highest",
    "first_lowest",
    "highest_8",
    "highest_16",
    "highest_64",
    "highest_to_32",
    "highest_to_64",
    "keep_highest",
    "keep_lowest",
    "loaded",
    "lowest_8",
    "lowest_16",
    "lowest_64",
    "lowest_to_32",
    "lowest_to_64",
    "repeated",
    "shuffled",
    "sum_8",
    "sum_16",
    "sum_32",
    "sum_64",
    "trailing_zeros",
]

LANES: Final = 8
WORD: Final = ir.IntType(64)
_INDEX: Final = ir.IntType(32)
WORDS: Final = ir.VectorType(WORD, LANES)
DOUBLES: Final = ir.VectorType(ir.DoubleType(), LANES)


def shuffled(builder: Any, left: Any, right: Any, places: Any) -> Any:
    """A vector of the elements at those places of two vectors laid end to end."""
    mask = ir.Constant(ir.VectorType(_INDEX, len(places)), list(places))
    return builder.shuffle_vector(left, right, mask)


def repeated(builder: Any, value: Any) -> Any:
    """A vector of eight times a value."""
    lanes = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    lanes = builder.insert_element(lanes, value, ir.Constant(_INDEX, 0))
    return shuffled(builder, lanes, lanes, [0] * LANES)


def loaded(context: Any, builder: Any, kind: Any, array: Any, index: Any, vectors: int) -> list[Any]:
    """Neighbours from an index on, as vectors; of float32, widened."""
    data = context.make_array(kind)(context, builder, array).data
    element = data.type.pointee
    size = context.get_abi_sizeof(element)
    found = []
    for k in range(vectors):
        place = builder.add(index, ir.Constant(WORD, LANES * k))
        pointer = cgutils.gep_inbounds(builder, data, place)  # type: ignore[no-untyped-call]
        wide = ir.VectorType(element, LANES)
        lanes = builder.load(builder.bitcast(pointer, wide.as_pointer()), align=size)
        found.append(builder.fpext(lanes, DOUBLES) if isinstance(element, ir.FloatType) else lanes)
    return found


def _masks(builder: Any, count: Any, vectors: int) -> list[Any]:
    """For each vector, which of its values are among the first `count`."""
    among = repeated(builder, count)
    places = (ir.Constant(WORDS, [LANES * k + i for i in range(LANES)]) for k in range(vectors))
    return [builder.icmp_signed(">", among, place) for place in places]


def _folded(builder: Any, vectors: list[Any], join: Callable[[Any, Any], Any]) -> Any:
    """One value of all, by the halving tree of `run_kernels`: first vectors, then lanes."""
    while len(vectors) > 1:
        half = len(vectors) // 2
        vectors = [join(vectors[k], vectors[k + half]) for k in range(half)]
    lanes, count = vectors[0], LANES
    while count > 1:
        count //= 2
        left = shuffled(builder, lanes, lanes, range(count))
        right = shuffled(builder, lanes, lanes, range(count, 2 * count))
        lanes = join(left, right)
    return builder.extract_element(lanes, ir.Constant(_INDEX, 0))


def _best(builder: Any, sign: str, left: Any, right: Any) -> Any:
    """The higher ones of two vectors, or the lower ones."""
    return builder.select(builder.fcmp_ordered(sign, left, right), left, right)


def _sum(vectors: int) -> Any:
    def sum_first(typingctx: Any, values: Any, row: Any, count: Any) -> Any:
        """Sum by the halving tree of the first `count` of 8, 16, 32 or 64 neighbours, all of which it reads.

        values : float32 or float64, C-contiguous; row : int64, not checked; count : int64
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            zero = ir.Constant(DOUBLES, [0.0] * LANES)
            found = loaded(context, builder, signature.args[0], args[0], args[1], vectors)
            masks = _masks(builder, args[2], vectors)
            kept = [builder.select(m, v, zero) for m, v in zip(masks, found, strict=True)]
            return _folded(builder, kept, builder.fadd)

        return types.float64(values, types.int64, types.int64), codegen

    return intrinsic(sum_first)


def _extreme(vectors: int, sign: str) -> Any:
    def extreme_first(typingctx: Any, values: Any, row: Any, count: Any) -> Any:
        """Highest, or lowest, of the first `count` of 8, 16 or 64 neighbours, all of which it reads.

        values : float64, C-contiguous, none NaN; row : int64, not checked; count : int64, from 1
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            found = loaded(context, builder, signature.args[0], args[0], args[1], vectors)
            masks = _masks(builder, args[2], vectors)
            first = shuffled(builder, found[0], found[0], [0] * LANES)
            kept = [builder.select(m, v, first) for m, v in zip(masks, found, strict=True)]

            return _folded(builder, kept, lambda left, right: _best(builder, sign, left, right))

        return types.float64(values, types.int64, types.int64), codegen

    return intrinsic(extreme_first)


def _run_extreme(vectors: int, sign: str) -> Any:
    def extreme_of_run(typingctx: Any, values: Any, row: Any, count: Any) -> Any:
        """Highest, or lowest, of 1 to 32 or to 64 neighbours; reads no others, but 8 where they are fewer.

        Vectors that would lie beyond the run are its last 8 again, which spares their masks.

        values : float64, C-contiguous, none NaN; row : int64, not checked; count : int64
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind, zero = signature.args[0], ir.Constant(WORD, 0)
            last = builder.sub(args[2], ir.Constant(WORD, LANES))
            last = builder.select(builder.icmp_signed("<", last, zero), zero, last)
            (lanes,) = loaded(context, builder, kind, args[0], args[1], 1)
            first = shuffled(builder, lanes, lanes, [0] * LANES)
            found = [lanes]
            for k in range(1, vectors):
                place = ir.Constant(WORD, LANES * k)
                place = builder.select(builder.icmp_signed("<", place, last), place, last)
                found += loaded(context, builder, kind, args[0], builder.add(args[1], place), 1)
            while len(found) > 1:
                found = [*found[2:], _best(builder, sign, *found[:2])]
            found = [builder.select(_masks(builder, args[2], 1)[0], found[0], first)]
            return _folded(builder, found, lambda left, right: _best(builder, sign, left, right))

        return types.float64(values, types.int64, types.int64), codegen

    return intrinsic(extreme_of_run)


def _kept(sign: str, first: bool) -> Any:
    def keep_best(typingctx: Any, best: Any, values: Any, row: Any) -> Any:
        """Let each of 8 values become the highest, or lowest, of itself and every eighth of 64 neighbours.

        The first 64 count alone: to write eight values one by one and read them as a vector is slow.

        best : float64 (8,), overwritten; values : float64, C-contiguous; row : int64, not checked
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            lanes = loaded(context, builder, signature.args[1], args[1], args[2], 64 // LANES)
            if not first:
                lanes += loaded(context, builder, signature.args[0], args[0], ir.Constant(WORD, 0), 1)
            while len(lanes) > 1:
                lanes = [*lanes[2:], _best(builder, sign, *lanes[:2])]
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            builder.store(lanes[0], builder.bitcast(data, DOUBLES.as_pointer()), align=LANES)
            return context.get_dummy_value()

        return types.void(best, values, types.int64), codegen

    return intrinsic(keep_best)


def _trailing_zeros(typingctx: Any, word: Any) -> Any:
    """Number of zero bits below the lowest set bit of a uint64, 64 when there is none."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


def _bit_count(typingctx: Any, word: Any) -> Any:
    """Number of set bits of a uint64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), codegen


# A decorator would tell mypy that the typing context is an argument of the caller's.
bit_count: Any = intrinsic(_bit_count)
trailing_zeros: Any = intrinsic(_trailing_zeros)
sum_8, sum_16, sum_32, sum_64 = (_sum(vectors) for vectors in (1, 2, 4, 8))
highest_8, highest_16, highest_64 = (_extreme(vectors, ">") for vectors in (1, 2, 8))
lowest_8, lowest_16, lowest_64 = (_extreme(vectors, "<") for vectors in (1, 2, 8))
highest_to_32, highest_to_64 = (_run_extreme(vectors, ">") for vectors in (4, 8))
lowest_to_32, lowest_to_64 = (_run_extreme(vectors, "<") for vectors in (4, 8))
first_highest, first_lowest = _kept(">", True), _kept("<", True)
keep_highest, keep_lowest = _kept(">", False), _kept("<", False)
