"""Selections side by side."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow.dataset as ds
import pyarrow.fs as fs

from zipcal_spark.errors import InputError
from zipcal_spark.output import REPORT
from zipcal_spark.report import Report, Selection


@dataclass(frozen=True)
class Output:
    """What `zipcal select` wrote.

    Attributes
    ----------
    path : str
    report : Report
    selection : Selection
        The report's.
    ids : frozenset of str or int
        The selected documents.
    """

    path: str
    report: Report
    selection: Selection
    ids: frozenset[str | int]


def read_output(path: str) -> Output:
    """Read an output folder, without Spark.

    Raises
    ------
    InputError
        It is no output of `zipcal select`.
    """
    try:
        system, place = fs.FileSystem.from_uri(path) if "://" in path else (fs.LocalFileSystem(), path)
        with system.open_input_stream(f"{place}/{REPORT}") as stream:
            report = Report.from_json(stream.read().decode())
        if report.selection is None:
            raise InputError(f"{path} has statistics only: name an output of zipcal select.")
        kind = "json" if any(f.path.endswith(".json") for f in _files(system, f"{place}/selection")) else "parquet"
        table = ds.dataset(f"{place}/selection", format=kind, filesystem=system).to_table(["id"])
    except OSError as error:
        raise InputError(f"{path} is no output of zipcal select ({error}): name a folder it wrote.") from error
    return Output(path, report, report.selection, frozenset(table["id"].to_pylist()))


def _files(system: fs.FileSystem, folder: str) -> list[fs.FileInfo]:
    return [found for found in system.get_file_info(fs.FileSelector(folder)) if not found.base_name.startswith(".")]


def overlap(first: Output, other: Output) -> float:
    """Share of the first selection's documents that the other has too."""
    return len(first.ids & other.ids) / len(first.ids)
