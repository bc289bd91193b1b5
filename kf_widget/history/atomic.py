"""Numbers that threads share without a lock: each is read and written whole, at once for all of them.

They order nothing else: who reads such a number knows that number alone, not what its writer wrote before.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["peek", "put", "take", "touch"]

_ORDER = "monotonic"


def _place(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return cgutils.gep_inbounds(builder, data, index)  # type: ignore[no-untyped-call]


def _peek(typingctx: Any, array: Any, index: Any) -> Any:
    """The number at ``array[index]`` now; array : int64, C-contiguous; index : int64, not checked."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_place(context, builder, signature.args[0], *args), _ORDER, 8)

    return types.int64(array, types.int64), codegen


def _put(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a number to ``array[index]``, as `peek` reads it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[2], _place(context, builder, signature.args[0], *args[:2]), _ORDER, 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


def _take(typingctx: Any, array: Any, index: Any) -> Any:
    """The number at ``array[index]``, which is then one more: no two threads take the same."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one = ir.Constant(ir.IntType(64), 1)
        place = _place(context, builder, signature.args[0], *args)
        return builder.atomic_rmw("add", place, one, _ORDER)

    return types.int64(array, types.int64), codegen


def _touch(typingctx: Any, array: Any, index: Any) -> Any:
    """Have the memory of ``array[index]`` made, if it is new; its value stays, whoever writes it meanwhile.

    array : int64 or float64, C-contiguous; index : int64, not checked
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        place = builder.bitcast(_place(context, builder, signature.args[0], *args), word.as_pointer())
        nothing = ir.Constant(word, 0)  # adding it would be made a read, for which no memory is needed
        builder.cmpxchg(place, nothing, nothing, _ORDER, _ORDER)
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


# A decorator would tell mypy that the typing context is an argument of the caller's.
peek: Any = intrinsic(_peek)
put: Any = intrinsic(_put)
take: Any = intrinsic(_take)
touch: Any = intrinsic(_touch)
