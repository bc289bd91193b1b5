"""Wide stores that indexing cannot say: two, four or eight bytes at once, at any alignment."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

__all__ = ["store2", "store4", "store8"]


def _store(size: int) -> Any:
    def store(typingctx: Any, array: Any, index: Any, word: Any) -> Any:
        """Store the lowest `size` bytes of an int64 at a byte of an array, lowest byte first.

        Parameters
        ----------
        array : uint8, of which `size` bytes are overwritten
        index : int64, bytes from the array's first, with `size` bytes from it on inside (not checked)
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            wide = ir.IntType(8 * size)
            there = builder.bitcast(builder.gep(data, [args[1]]), wide.as_pointer())
            builder.store(builder.trunc(args[2], wide) if size < 8 else args[2], there, align=1)
            return context.get_dummy_value()

        return types.void(array, types.int64, types.int64), codegen

    return intrinsic(store)


# A decorator would tell mypy that the typing context is an argument of the caller's.
store2, store4, store8 = _store(2), _store(4), _store(8)
