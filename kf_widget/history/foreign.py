"""What compiled kernels can do with addresses alone: call a C function, copy bytes."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["call1", "call2", "call3", "call4", "call5", "copy_bytes"]


def _call(n_arguments: int) -> Any:
    """Signature of an intrinsic that calls a C function at an address, and what makes its code."""
    word = ir.IntType(64)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [word] * n_arguments).as_pointer()
        return builder.sext(builder.call(builder.inttoptr(args[0], kind), args[1:]), word)

    return types.int64(*[types.int64] * (1 + n_arguments)), codegen


def _call1(typingctx: Any, address: Any, a: Any) -> Any:
    """What the C function at an address returns, an int; its arguments : int64, as numbers or addresses."""
    return _call(1)


def _call2(typingctx: Any, address: Any, a: Any, b: Any) -> Any:
    """The same with two arguments."""
    return _call(2)


def _call3(typingctx: Any, address: Any, a: Any, b: Any, c: Any) -> Any:
    """The same with three arguments."""
    return _call(3)


def _call4(typingctx: Any, address: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """The same with four arguments."""
    return _call(4)


def _call5(typingctx: Any, address: Any, a: Any, b: Any, c: Any, d: Any, e: Any) -> Any:
    """The same with five arguments."""
    return _call(5)


def _copy_bytes(typingctx: Any, target: Any, source: Any, n_bytes: Any) -> Any:
    """Copy bytes from one address to another, all int64; the two ranges must not overlap."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        to, start = (builder.inttoptr(address, byte) for address in args[:2])
        cgutils.raw_memcpy(builder, to, start, args[2], 1)  # type: ignore[no-untyped-call]
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), codegen


call1: Any = intrinsic(_call1)
call2: Any = intrinsic(_call2)
call3: Any = intrinsic(_call3)
call4: Any = intrinsic(_call4)
call5: Any = intrinsic(_call5)
copy_bytes: Any = intrinsic(_copy_bytes)
