"""What a run gives: tables, a report, and how to write them."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from zipcal_spark import output as out
from zipcal_spark.config import OutputFormat
from zipcal_spark.files import Files
from zipcal_spark.output import is_dead
from zipcal_spark.progress import Silent, Stages
from zipcal_spark.report import REPORT, Report
from zipcal_spark.session import works_here

# Folders of a process's own files begin like this; its number follows.
_PREFIX = "zipcal-run-"


class Kept:
    """What is kept between the stages of a run: DataFrames, on the executors' disks, and files of this machine.

    In memory they would be read no faster (the operating system caches what fits), and fill the heap.

    Parameters
    ----------
    spark : SparkSession
    """

    def __init__(self, spark: SparkSession) -> None:
        self._frames: list[DataFrame] = []
        self._folder = _folder_of_this_run(_scratch(spark)) if works_here(spark) else None
        if self._folder is not None:  # also at the end of the process, if nobody lets go before
            weakref.finalize(self, shutil.rmtree, self._folder, True)

    def folder(self, name: str) -> str | None:
        """A folder that this process and all workers see; None where the workers may be on other machines."""
        if self._folder is None:
            return None
        folder = os.path.join(self._folder, name)
        os.makedirs(folder, exist_ok=True)
        return folder

    def keep(self, frame: DataFrame) -> DataFrame:
        """Keep a DataFrame once it is computed."""
        self._frames.append(frame.persist(StorageLevel.DISK_ONLY))
        return frame

    def release(self) -> None:
        """Let all go."""
        while self._frames:
            self._frames.pop().unpersist()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _scratch(spark: SparkSession) -> Path:
    """The first folder that Spark takes for files of its own."""
    named = os.environ.get("SPARK_LOCAL_DIRS") or spark.conf.get("spark.local.dir", "")
    return Path((named or tempfile.gettempdir()).split(",")[0].strip())


def _folder_of_this_run(scratch: Path) -> str:
    """A new folder for files of this process; what dead ones have left is removed."""
    scratch.mkdir(parents=True, exist_ok=True)
    for left in scratch.glob(f"{_PREFIX}*"):
        if is_dead(int(left.name.removeprefix(_PREFIX).partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    return tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=scratch)


@dataclass
class ZipCalResult:
    """The result of a run.

    Its tables are kept on the executors: use it in a `with` block, or call `unpersist` when done.

    Attributes
    ----------
    selection : DataFrame or None
        `rank` int (1..k), `id` as the input's, `domain` string, `text` string, `units` int (window length),
        `distinct_terms` int, `gain` double, `coverage` double (cumulative), `layer` int. None where only statistics
        were asked for.
    vocabulary : DataFrame
        `term` string, `tf` bigint, `df` bigint, `rank` int.
    quarantine : DataFrame
        Rows that could not be used: `id`, `domain`, `text`, `reason`.
    report : Report
    """

    selection: DataFrame | None
    vocabulary: DataFrame
    quarantine: DataFrame
    report: Report
    kept: Kept = field(repr=False)
    stages: Stages = field(default_factory=lambda: Stages(Silent()), repr=False)

    def write(self, path: str, format: OutputFormat = "parquet", overwrite: bool = False) -> Report:
        """Write tables and report.json to a folder, all or nothing.

        Parameters
        ----------
        path : str
            The folder; any scheme that Spark knows.
        format : {'parquet', 'json'}
        overwrite : bool
            Replace an existing output of an earlier run.

        Returns
        -------
        Report
            As written: with the time that writing took.

        Raises
        ------
        InputError
            The folder exists and may not be replaced.
        """
        spark = self.vocabulary.sparkSession
        with out.written_aside(spark, path, overwrite) as folder:
            with self.stages.stage("write", f"Writing {path}"):
                if self.selection is not None:
                    in_order = self.selection.repartition(1).sortWithinPartitions("rank")
                    out.write_table(in_order, f"{folder}/selection", format)
                out.write_table(self.vocabulary, f"{folder}/vocabulary", format)
                out.write_table(self.quarantine, f"{folder}/quarantine", format)
            self.report = replace(self.report, timings=dict(self.stages.timings))
            Files(spark, folder).write(f"{folder}/{REPORT}", self.report.to_json().encode())
        return self.report

    def unpersist(self) -> None:
        """Let the tables go."""
        self.kept.release()

    def __enter__(self) -> ZipCalResult:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.unpersist()
