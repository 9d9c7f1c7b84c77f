"""A corpus that every machine has: the docstrings of Python's standard library and of the installed packages.

The sources are parsed, never imported: an import can do anything.
"""

from __future__ import annotations

import ast
import gc
import os
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# What is no identifier is skipped as well: *.dist-info, stubs, site-packages within the standard library.
_SKIPPED = {"__pycache__", "conftest", "idle_test", "test", "tests", "zipcal_spark"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = (ast.stmt, ast.excepthandler, ast.match_case)  # what can be or hold a definition
_UNREADABLE = (OSError, SyntaxError, ValueError, RecursionError, MemoryError)  # the last two: nested too deep


def source_folders() -> list[Path]:
    """The folders of the standard library and of the installed packages, none twice."""
    paths = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]
    return list(dict.fromkeys(Path(path).resolve() for path in paths))


def read_docstrings(folders: Iterable[Path]) -> pa.Table:
    """Make a document of every docstring of a module, a class, a method or a top-level function.

    Parameters
    ----------
    folders : iterable of Path
        Where top-level modules and packages lie. Of two with one name in different folders the first wins.

    Returns
    -------
    pyarrow.Table
        Strings. `id`, sorted: the dotted name, which is unique, as the first docstring of a name counts;
        `domain`: its first part; `text`: as `inspect.cleandoc` gives it. The schema's metadata say under
        `skipped_files` how many files could not be read or parsed.
    """
    texts: dict[str, str] = {}
    skipped = 0
    with _parsing():
        for folder in folders:
            earlier = {_domain(name) for name in texts}
            for module, path in sorted(_modules(folder)):
                if _domain(module) in earlier:
                    continue
                try:
                    for name, text in _docstrings(ast.parse(path.read_bytes()), module):
                        texts.setdefault(name, text)
                except _UNREADABLE:
                    skipped += 1
    ids = sorted(texts)
    columns = {"id": ids, "domain": [_domain(name) for name in ids], "text": [texts[name] for name in ids]}
    schema = pa.schema([(column, pa.string()) for column in columns], {"skipped_files": str(skipped)})
    return pa.table(columns, schema)


def write_docstrings(path: Path, folders: Iterable[Path] | None = None) -> int:
    """Write what `read_docstrings` gives to a Parquet file, and return the number of documents.

    Parameters
    ----------
    path : Path
        Replaced if it exists.
    folders : iterable of Path, optional
        `source_folders()` if left out.
    """
    table = read_docstrings(source_folders() if folders is None else folders)
    pq.write_table(table, path, row_group_size=1 << 14)
    return int(table.num_rows)


@contextmanager
def _parsing() -> Iterator[None]:
    """No warnings of foreign code; no search for cycles in its trees (a third of the time)."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        if collecting:
            gc.enable()


def _modules(folder: Path) -> Iterator[tuple[str, Path]]:
    """Dotted name and file of every module under a folder, in any order."""
    for parent, folders, files in os.walk(folder):
        folders[:] = filter(_is_wanted, folders)
        package = Path(parent).relative_to(folder).parts
        for file in files:
            name, suffix = os.path.splitext(file)
            parts = package if name == "__init__" else (*package, name)
            if suffix == ".py" and _is_wanted(name) and parts:
                yield ".".join(parts), Path(parent, file)


def _is_wanted(name: str) -> bool:
    return name.isidentifier() and name not in _SKIPPED and not name.startswith("test_")


def _docstrings(module: ast.Module, name: str) -> Iterator[tuple[str, str]]:
    """Dotted names and docstrings of a module, in the order of the file, none from inside of a function."""
    waiting: list[tuple[ast.AST, str]] = [(module, name)]  # a stack: chains of elif nest beyond recursion
    while waiting:
        node, name = waiting.pop()
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            name = f"{name}.{node.name}"
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Module)):
            text = ast.get_docstring(node) or ""
            if text.strip():
                yield name, text.encode(errors="replace").decode()  # a literal can have half a surrogate pair
        if not isinstance(node, _FUNCTIONS):
            children = [child for child in ast.iter_child_nodes(node) if isinstance(child, _BLOCKS)]
            waiting += [(child, name) for child in reversed(children)]


def _domain(name: str) -> str:
    return name.partition(".")[0]
