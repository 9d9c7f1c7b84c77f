"""Selections side by side."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.fs as fs
import pyarrow.parquet as pq

from zipcal_spark.errors import InputError
from zipcal_spark.report import REPORT, Report, Selection


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
        # Arrow knows Spark's s3a by another name.
        uri = re.sub("^s3[an]://", "s3://", path)
        system, place = fs.FileSystem.from_uri(uri) if "://" in path else (fs.LocalFileSystem(), path)
        with system.open_input_stream(f"{place}/{REPORT}") as stream:
            report = Report.from_json(stream.read().decode())
        if report.selection is None:
            raise InputError("it has statistics only")
        ids = frozenset(id_ for file in _files(system, f"{place}/selection") for id_ in _ids(system, file))
    except (OSError, ValueError, KeyError, pa.ArrowException, InputError) as error:
        cause = str(error).rstrip(".")
        raise InputError(f"{path} is no output of zipcal select ({cause}): name a folder that it wrote.") from error
    return Output(path, report, report.selection, ids)


def _files(system: fs.FileSystem, folder: str) -> list[str]:
    found = system.get_file_info(fs.FileSelector(folder))
    return [file.path for file in found if not file.base_name.startswith((".", "_"))]


def _ids(system: fs.FileSystem, file: str) -> list[str | int]:
    """The ids in a file of a selection."""
    with system.open_input_file(file) as stream:
        if not file.endswith(".json"):
            ids: list[str | int] = pq.read_table(stream, columns=["id"])["id"].to_pylist()
            return ids
        # Not by Arrow: it guesses types, and takes no row beyond its block size.
        return [json.loads(line)["id"] for line in stream.read().splitlines()]


def overlap(first: Output, other: Output) -> float:
    """Share of the first selection's documents that the other has too."""
    return len(first.ids & other.ids) / len(first.ids)
