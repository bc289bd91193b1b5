"""The one decorator for compiled kernels, and where their machine code is kept.

Numba's own cache keys a function on the file that defines it and so misses an edit in a callee of
another file. Here every module has a folder keyed on its own text and the text of every module of
the package that it imports, however far away: a stale kernel can never run, and an edit recompiles
only what stands on it. And Numba numbers the signatures of a kernel in an index, in which processes
that compile two at a time give both one number; here each is a file of its own.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import re
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import types
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.compiler_lock import global_compiler_lock
from numba.core.serialize import dumps

__all__ = ["cache_root", "is_compiled", "kernel", "part", "sources_of"]

_DIGEST = 16
_PACKAGE = Path(__file__).parent
_IMPORT = re.compile(r"^\s*(?:from|import)\s+kf_widget\.([\w.]+)", re.MULTILINE)


def cache_root() -> Path:
    """Folder of all compiled kernels; ``KF_WIDGET_CACHE`` or ``XDG_CACHE_HOME`` move it."""
    if named := os.environ.get("KF_WIDGET_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "kf_widget"


@functools.cache
def _imports(path: Path) -> tuple[bytes, frozenset[Path]]:
    text = path.read_bytes()
    found: set[Path] = set()
    for name in _IMPORT.findall(text.decode()):
        stem = _PACKAGE.joinpath(*name.split("."))
        found.update(p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.exists())
    return text, frozenset(found)


@functools.cache
def sources_of(path: Path) -> tuple[Path, ...]:
    """The file and every module of the package that it imports, directly or not, sorted."""
    seen: set[Path] = set()
    todo = [path]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo.extend(_imports(here)[1])
    return tuple(sorted(seen))


@functools.cache
def _sources_key(path: Path) -> str:
    digest = hashlib.blake2b(f"{numba.__version__} {sys.implementation.cache_tag}".encode(), digest_size=8)
    for source in sources_of(path):
        digest.update(_imports(source)[0])
    return digest.hexdigest()


@functools.cache
def _make_folder(path: str) -> None:
    """Create a folder for machine code; OSError where nothing can be written in it."""
    Path(path).mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=path).close()


class _Locator(_CacheLocator):
    def __init__(self, py_func: Callable[..., Any], py_file: str) -> None:
        self._folder = f"{py_func.__module__}-{_sources_key(Path(py_file))}"
        self._line = py_func.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        return str(cache_root() / self._folder)

    def get_source_stamp(self) -> str:
        return self._folder

    def get_disambiguator(self) -> str:
        return str(self._line)

    def ensure_cache_path(self) -> None:
        # Numba tries this out with a file for every kernel; a folder needs it once.
        _make_folder(self.get_cache_path())

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _Locator | None:
        try:
            locator = cls(py_func, py_file)
            locator.ensure_cache_path()
        except OSError:
            return None
        return locator


class _Impl(CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()


class _Files:
    """Machine code of one kernel, a file to a signature."""

    def __init__(self, folder: Path, stem: str) -> None:
        self._folder, self._stem = folder, stem

    def _path(self, key: Any) -> Path:
        name = hashlib.blake2b(repr(key).encode(), digest_size=8).hexdigest()
        return self._folder / f"{self._stem}.{name}.nbc"

    def __contains__(self, key: Any) -> bool:
        return self._path(key).exists()

    def load(self, key: Any) -> Any:
        """What was saved, or None; a damaged file counts as none, before its code is looked at."""
        try:
            whole = self._path(key).read_bytes()
            digest, data = whole[:_DIGEST], whole[_DIGEST:]
            kept, made = pickle.loads(data) if digest == _digest(data) else (None, None)
        except Exception:  # of another Numba's classes
            return None
        return made if kept == key else None

    def save(self, key: Any, made: Any) -> None:
        """Written whole or not at all; where it cannot be written, each process compiles anew."""
        path = self._path(key)
        new = path.with_suffix(f".{uuid.uuid4().hex[:16]}")
        with contextlib.suppress(OSError):
            try:
                data = dumps((key, made))  # type: ignore[no-untyped-call]
                new.write_bytes(_digest(data) + data)
                new.replace(path)
            finally:
                new.unlink(missing_ok=True)

    def flush(self) -> None:
        """Forget all signatures."""
        for path in self._folder.glob(f"{self._stem}.*"):
            path.unlink(missing_ok=True)


class _Cache(FunctionCache):
    _impl_class = _Impl

    def __init__(self, py_func: Callable[..., Any]) -> None:
        super().__init__(py_func)  # type: ignore[no-untyped-call]
        self._cache_file: Any = _Files(Path(self.cache_path), self._impl.filename_base)

    def keeps(self, signature: tuple[Any, ...], codegen: Any) -> bool:
        """Whether its machine code lies on disk."""
        return self._index_key(signature, codegen) in self._cache_file  # type: ignore[no-untyped-call]


if hasattr(os, "register_at_fork"):
    # A process forked while another thread compiles would for ever wait for that thread's lock.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a kernel on first use: serial, free of the GIL, machine code cached on disk.

    Parameters
    ----------
    function : the plain Python loop; takes arrays and scalars, writes into arrays of the caller.
    **options : passed to `numba.njit`, for example ``fastmath={"nnan", "nsz"}``.

    Notes
    -----
    A division by zero gives inf, nan or 0. A kernel whose name begins with an underscore is a `part`.

    Never `parallel=True`: after one such kernel a forked worker dies, and on the workqueue layer
    two threads abort the process. Work is split by our own threads. Where no folder can be
    written, each process compiles anew.
    """
    if function is None:
        return lambda real: kernel(real, **options)
    settings: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "no_cfunc_wrapper": True,
        "no_cpython_wrapper": function.__name__.startswith("_"),
    } | options
    dispatcher = numba.njit(**settings)(function)
    with contextlib.suppress(RuntimeError):  # no folder can be written
        dispatcher._cache = _Cache(function)
    _drop_literals(dispatcher)
    if settings["no_cpython_wrapper"]:
        _refuse_python(dispatcher)
    return dispatcher


def _drop_literals(dispatcher: Any) -> None:
    """Let a call inside a kernel compile for int64, not once more for each number in the caller's text.

    LLVM still sees the numbers where it inlines the callee.
    """
    with_literals = dispatcher.get_call_template

    def get_call_template(args: Any, kws: Any) -> Any:
        unliteral: Any = types.unliteral
        plain = tuple(map(unliteral, args))
        return with_literals(plain, {name: unliteral(kind) for name, kind in kws.items()})

    dispatcher.get_call_template = get_call_template


def _refuse_python(dispatcher: Any) -> None:
    """Let a call from Python fail with an error: Numba would jump to an entry that is not there."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        name = f"{dispatcher.__module__}.{dispatcher.__name__}"
        raise TypeError(f"{name}: must be called from a compiled kernel, got a call from Python.")

    def keep(result: Any) -> None:
        dispatcher.overloads[tuple(result.signature.args)] = result

    dispatcher._compile_for_args = refuse
    dispatcher.add_overload = keep


def is_compiled(compiled: Any, *args: Any) -> bool:
    """Whether a kernel starts at once on such arguments: it is loaded, or its machine code lies on disk.

    Nothing is compiled or loaded. Costs 0.3 ms until it is true, and then next to nothing.
    """
    signature, cache = tuple(map(numba.typeof, args)), compiled._cache
    if signature in compiled.overloads:
        return True
    return isinstance(cache, _Cache) and cache.keeps(signature, compiled.targetctx.codegen())


def part(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Make a kernel that only other kernels call: it has no entry for Python.

    That entry takes half the time that a small kernel takes to compile. Takes what `kernel` does.
    """
    return kernel(function, no_cpython_wrapper=True, **options)
