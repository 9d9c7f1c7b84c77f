"""The corpus of docstrings: what becomes a document, under which name, and what is left out."""

from __future__ import annotations

import gc
import shutil
import sys
import sysconfig
import warnings
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zipcal_spark.docstrings import read_docstrings, source_folders, write_docstrings

MODULE = '''
"""Module.

    Indented.
"""


def function():
    """Function."""

    def nested():
        """Not a document."""

    class Local:
        """Not a document."""


async def _private():
    'Private.'


class Outer:
    r"""Outer \\d."""

    def method(self):
        """Method."""

        def nested():
            """Not a document."""

    def bare(self):
        return """Not a document."""

    class Inner:
        """Inner."""

        def deep(self):
            """Deep."""
'''


def write(folder: Path, **files: str | bytes) -> Path:
    """Write Python files; in a name `__` stands for the slash, and `init` for `__init__`."""
    for name, source in files.items():
        path = folder / (name.replace("__", "/").replace("init", "__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return folder


def texts(*folders: Path) -> dict[str, str]:
    """Read folders into a dictionary from id to text."""
    table = read_docstrings(folders)
    return dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))


def skipped(*folders: Path) -> int:
    """Number of files that could not be read or parsed."""
    return int(read_docstrings(folders).schema.metadata[b"skipped_files"])


def test_names_of_modules_classes_and_functions(tmp_path: Path) -> None:
    write(tmp_path, package__init='"""Package."""', package__part__init="", package__part__module=MODULE)
    prefix = "package.part.module"
    assert texts(tmp_path) == {
        "package": "Package.",
        prefix: "Module.\n\nIndented.",
        f"{prefix}.function": "Function.",
        f"{prefix}._private": "Private.",
        f"{prefix}.Outer": r"Outer \d.",
        f"{prefix}.Outer.method": "Method.",
        f"{prefix}.Outer.Inner": "Inner.",
        f"{prefix}.Outer.Inner.deep": "Deep.",
    }


def test_columns_and_order(tmp_path: Path) -> None:
    write(tmp_path / "b", z='"""Z."""', a__init='"""A."""\ndef f():\n    """F."""')
    write(tmp_path / "a", m='"""M."""')
    table = read_docstrings([tmp_path / "b", tmp_path / "a"])
    assert table.schema == pa.schema([("id", pa.string()), ("domain", pa.string()), ("text", pa.string())])
    assert table["id"].to_pylist() == ["a", "a.f", "m", "z"]
    assert table["domain"].to_pylist() == ["a", "a", "m", "z"]


def test_no_documents(tmp_path: Path) -> None:
    assert read_docstrings([write(tmp_path, a="x = 1")]).num_rows == 0


def test_a_name_keeps_its_first_docstring(tmp_path: Path) -> None:
    source = '''
class C:
    @property
    def x(self):
        """Getter."""

    @x.setter
    def x(self, value):
        """Setter."""

    def late(self): ...

    def late(self):
        """   """

    def late(self):
        """Second."""
'''
    write(tmp_path, m=source)
    assert texts(tmp_path) == {"m.C.x": "Getter.", "m.C.late": "Second."}


def test_a_package_comes_before_its_attributes_and_a_module_of_its_name(tmp_path: Path) -> None:
    write(tmp_path, a="'Module.'", a__init="'Package.'\nclass b:\n    'Class.'", a__b="'Submodule.'")
    assert texts(tmp_path) == {"a": "Package.", "a.b": "Class."}


@pytest.mark.parametrize(
    "source",
    [
        "if x:\n  def f(): '1'\nelse:\n  def f(): '2'\n  def g(): '3'",
        "try:\n  def f(): '1'\nexcept ImportError:\n  def f(): '2'\n  def g(): '3'",
        "try:\n  def f(): '1'\nfinally:\n  def g(): '3'",
        "with x:\n  def f(): '1'\nfor i in x:\n  def g(): '3'",
        "match x:\n  case 1:\n    def f(): '1'\n  case _:\n    def g(): '3'",
    ],
)
def test_definitions_in_blocks(tmp_path: Path, source: str) -> None:
    assert texts(write(tmp_path, m=source)) == {"m.f": "1", "m.g": "3"}


def test_a_long_chain_of_elif(tmp_path: Path) -> None:
    branches = "".join(f"elif x == {i}:\n    pass\n" for i in range(sys.getrecursionlimit() + 500))
    write(tmp_path, m=f"'M.'\nif x:\n    pass\n{branches}", n="'N.'")
    found = texts(tmp_path)  # some versions of Python cannot parse it
    assert found["n"] == "N."
    assert ("m" in found) == (skipped(tmp_path) == 0)


@pytest.mark.parametrize("source", ["", '""', '"""\n   \n\t\n"""', 'f"""no {1}"""', 'b"no"', "1"])
def test_blank_is_no_document(tmp_path: Path, source: str) -> None:
    assert texts(write(tmp_path, m=source)) == {}


@pytest.mark.parametrize("source", ["print 1", b"'\xff'", b"# coding: no-such\n", b"'\0'", "(" * 1000])
def test_unparsable_files_are_counted_and_skipped(tmp_path: Path, source: str | bytes) -> None:
    write(tmp_path, bad=source, good='"""Good."""')
    assert texts(tmp_path) == {"good": "Good."}
    assert skipped(tmp_path) == 1


def test_encodings(tmp_path: Path) -> None:
    write(tmp_path, a=b'# coding: latin-1\n"""\xe9"""', b=b'\xef\xbb\xbf"""\xc3\xa9"""', c=r'"""x\ud800"""')
    assert texts(tmp_path) == {"a": "é", "b": "é", "c": "x?"}
    assert skipped(tmp_path) == 0


def test_what_is_left_out(tmp_path: Path) -> None:
    text = '"""Text."""'
    names = """
        test/a tests/a p/tests/a p/test p/conftest p/test_a p/test_b/a idlelib/idle_test/a zipcal_spark/cli
        __pycache__/a p-1.dist-info/a site-packages/q/a dist-packages/q/a p-stubs/a __init__ not-a-name
    """
    for name in [*names.split(), "p/testing", "p/contest"]:
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "p" / "stub.pyi").write_text(text)
    assert set(texts(tmp_path)) == {"p.testing", "p.contest"}


def test_of_two_packages_of_a_name_the_first_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "1", p__init='"""First."""', q='"""Q."""')
    second = write(tmp_path / "2", p__init='"""Second."""', p__more='"""More."""', pp='"""PP."""')
    assert texts(first, second) == {"p": "First.", "q": "Q.", "pp": "PP."}


def test_nothing_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, zipcal_raises='"""Raises."""\nraise SystemExit("imported")')
    monkeypatch.syspath_prepend(tmp_path)
    assert texts(tmp_path) == {"zipcal_raises": "Raises."}
    assert "zipcal_raises" not in sys.modules


def test_foreign_warnings_are_silent_and_nothing_is_left_changed(tmp_path: Path) -> None:
    write(tmp_path, m='"""\\d"""\n1 is 1', bad="(")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert texts(tmp_path) == {"m": r"\d"}
        warnings.warn("still heard", stacklevel=1)
    assert [str(warning.message) for warning in caught] == ["still heard"]
    assert gc.isenabled()


def test_the_standard_library(tmp_path: Path) -> None:
    for name in ("json", "email"):
        shutil.copytree(Path(sysconfig.get_path("stdlib"), name), tmp_path / name)
    table = read_docstrings([tmp_path])
    ids = table["id"].to_pylist()
    assert {"json", "json.decoder.JSONDecoder.decode", "email.message.Message.get_payload"} <= set(ids)
    assert ids == sorted(set(ids))
    assert set(table["domain"].to_pylist()) == {"json", "email"}
    assert skipped(tmp_path) == 0
    assert table.equals(read_docstrings([tmp_path]))


def test_source_folders() -> None:
    folders = source_folders()
    assert (folders[0] / "json" / "decoder.py").is_file()
    assert any((folder / "numpy" / "__init__.py").is_file() for folder in folders)
    assert len(set(folders)) == len(folders)


def test_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "".join(f"def f{i}():\n    'Number {i}.'\n" for i in range(20_000))
    folder, path = write(tmp_path / "lib", m=source), tmp_path / "docstrings.parquet"
    assert write_docstrings(path, [folder]) == 20_000
    assert pq.read_table(path).equals(read_docstrings([folder]))
    assert pq.ParquetFile(path).num_row_groups == 2
    monkeypatch.setattr("zipcal_spark.docstrings.source_folders", lambda: [write(tmp_path / "own", m="'M.'")])
    assert write_docstrings(path) == 1
