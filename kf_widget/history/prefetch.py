"""Asking for memory before it is needed: what lies at random places of a long history comes from far."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["prefetch", "prefetch_far"]


def _prefetch(nearness: int) -> Any:
    def fetch_line(typingctx: Any, array: Any, index: Any) -> Any:
        """Have the processor fetch the cache line of ``array[index]``; nothing is read, and no page faults.

        Parameters
        ----------
        array : one-dimensional, C-contiguous
        index : int64; past the end it is harmless
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            place = builder.gep(data, [args[1]])
            byte = ir.IntType(8).as_pointer()
            word = ir.IntType(32)
            fetch = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
                builder.module, ir.FunctionType(ir.VoidType(), [byte, word, word, word]), "llvm.prefetch.p0"
            )
            read, near, data_cache = (ir.Constant(word, k) for k in (0, nearness, 1))
            builder.call(fetch, [builder.bitcast(place, byte), read, near, data_cache])
            return context.get_dummy_value()

        return types.void(array, types.int64), codegen

    return intrinsic(fetch_line)


prefetch, prefetch_far = _prefetch(3), _prefetch(2)  # into the first cache, and into the second
