"""The shape of the package: which way imports point, what an import loads, what is explained."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kf_widget"
MODULES = sorted(PACKAGE.rglob("*.py"))
LAYERS = (
    "errors",
    "threads",
    "recycle",
    "jit",
    "history",
    "sources",
    "store",
    "chart",
    "raster",
    "frame",
    "plotting",
    "widget",
)
"""Each may import itself and what stands before it."""
APART = ("server",)
"""Loaded by other processes: import nothing of the package."""
TOP = ("__init__", "__main__")
"""Entry points: import any layer; the widget only when it is asked for."""
HEAVY = ("anywidget", "cupy", "dask", "ipywidgets", "narwhals", "pandas", "PIL", "pyarrow", "traitlets")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Every imported module of a tree by its full name; `from kf_widget import x` counts as kf_widget.x."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute, the kernel cache follows them"
            assert node.module
            if node.module == "kf_widget":
                for alias in node.names:
                    yield node, f"kf_widget.{alias.name}"
            else:
                yield node, node.module


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_point_one_way(path: Path) -> None:
    here = layer(path)
    assert here in (*LAYERS, *APART, *TOP), f"{here} has no layer: give it a place in LAYERS"
    allowed: tuple[str, ...] = LAYERS
    if here in LAYERS:
        allowed = LAYERS[: LAYERS.index(here) + 1]
    elif here in APART:
        allowed = ()
    for node, name in imports(parse(path)):
        if name.startswith("kf_widget.") and name != "kf_widget.__version__":
            target = name.split(".")[1]
            if target not in (*LAYERS, *APART, *TOP):  # a name of kf_widget itself, not a module
                target = "__init__"
            assert target in allowed, f"{path.name}:{node.lineno} {here} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_only_the_widget_knows_the_widget_libraries(path: Path) -> None:
    if layer(path) == "widget":
        return
    for node, name in imports(parse(path)):
        library = name.split(".")[0]
        assert library not in ("anywidget", "ipywidgets", "traitlets"), f"{path.name}:{node.lineno} {name}"


@pytest.mark.parametrize("name", TOP)
def test_entry_points_load_the_widget_only_when_asked(name: str) -> None:
    path = PACKAGE / f"{name}.py"
    if not path.exists():
        return
    for node, module in executed_imports(parse(path).body):
        assert not module.startswith("kf_widget.widget"), f"{path.name}:{node.lineno} imports {module}"


def executed_imports(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str]]:
    """The imports that run as the module itself is imported: not those of functions or type checkers."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from imports(node)


@pytest.mark.parametrize("module", ["kf_widget", "kf_widget.server"])
def test_import_is_light(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "kf_widget" in loaded
    assert not loaded & set(HEAVY)


def undocumented(tree: ast.Module, where: str) -> Iterator[str]:
    """Public functions, classes and methods without a docstring, as file:line name.

    Where several classes of a file have the same method, one of them explains it; a protocol explains
    its members in its own docstring.
    """
    explained: set[str] = set()
    missing: list[tuple[str, str]] = []

    def visit(body: list[ast.stmt], method: bool) -> None:
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
            if node.name.startswith("_") or any(d.endswith((".setter", "overload")) for d in decorators):
                continue
            if ast.get_docstring(node) is not None:
                if method:
                    explained.add(node.name)
            else:
                missing.append((node.name if method else "", f"{where}:{node.lineno} {node.name}"))
            if isinstance(node, ast.ClassDef) and not any("Protocol" in ast.unparse(b) for b in node.bases):
                visit(node.body, method=True)

    visit(tree.body, method=False)
    return (place for name, place in missing if name not in explained)


@pytest.mark.parametrize("path", [path for path in MODULES if path.read_text().strip()], ids=module_name)
def test_public_things_are_explained(path: Path) -> None:
    tree = parse(path)
    where = str(path.relative_to(PACKAGE))
    missing = list(undocumented(tree, where))
    if ast.get_docstring(tree) is None:
        missing.insert(0, where)
    assert not missing, "no docstring: " + ", ".join(missing)
