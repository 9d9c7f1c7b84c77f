"""What a run gives: tables, a report, and how to write them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import TracebackType

from pyspark import StorageLevel
from pyspark.sql import DataFrame

from zipcal_spark import output as out
from zipcal_spark.config import OutputFormat
from zipcal_spark.files import Files
from zipcal_spark.progress import Silent, Stages
from zipcal_spark.report import REPORT, Report


class Kept:
    """DataFrames that are kept between the stages of a run, on the executors' disks.

    In memory they would be read no faster (the operating system caches what fits), and fill the heap.
    """

    def __init__(self) -> None:
        self._frames: list[DataFrame] = []

    def keep(self, frame: DataFrame) -> DataFrame:
        """Keep a DataFrame once it is computed."""
        self._frames.append(frame.persist(StorageLevel.DISK_ONLY))
        return frame

    def release(self) -> None:
        """Let all go."""
        while self._frames:
            self._frames.pop().unpersist()


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
