"""The whole road: a corpus goes in, the documents that cover the most vocabulary come out.

text --one pass--> sparse documents, term counts, quarantine      documents.read_once
term counts --map-reduce--> vocabulary and its laws               statistics, zipf
vocabulary --broadcast or join--> weights in the documents        statistics.weighted
documents --rounds--> picks, proven one by one                    strategies, coverage
picks --lookup--> the selection with its text                     here
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from zipcal_spark import strategies
from zipcal_spark.config import CorpusParameters, SelectionParameters
from zipcal_spark.corpus import Corpus, from_dataframe
from zipcal_spark.coverage.bound import PrefixBound
from zipcal_spark.coverage.distributed import Partitions
from zipcal_spark.coverage.picks import Picks
from zipcal_spark.documents import read_once
from zipcal_spark.errors import InputError, ZipcalError
from zipcal_spark.progress import Progress, Silent, Stages
from zipcal_spark.report import Documents, Report, Selection
from zipcal_spark.result import Kept, ZipCalResult
from zipcal_spark.statistics import HashCollision, ranked, spectrum, vocabulary, weighted
from zipcal_spark.summary import describe_selection, describe_vocabulary, total_weight
from zipcal_spark.weights import SCALE
from zipcal_spark.zipf import Spectrum

TASK_DOCUMENTS = 4096


class ZipCal(SelectionParameters):
    __doc__ = (SelectionParameters.__doc__ or "").replace(
        "How documents are selected.",
        "Select the documents that cover the most vocabulary (ZipCal, arXiv 2603.16105).\n\n"
        "    >>> ZipCal(k=128).select(df).selection.show()",
    )

    def select(self, df: DataFrame) -> ZipCalResult:
        """Select k documents of a DataFrame.

        Parameters
        ----------
        df : DataFrame
            With a text column, of any session; its settings stay as they are.

        Returns
        -------
        ZipCalResult

        Raises
        ------
        InputError
            A column is missing or of a wrong type, no document can be used, or a selected id is not unique.
        """
        return select(from_dataframe(df, self), self)


def statistics(corpus: Corpus, parameters: CorpusParameters, progress: Progress | None = None) -> ZipCalResult:
    """Vocabulary and report of a corpus, without a selection."""
    stages = Stages(progress or Silent())
    kept = Kept()
    try:
        counted = _count(corpus, parameters, stages, kept)
        report = _report(corpus, parameters, counted, None, stages)
        return ZipCalResult(None, ranked(counted.terms), counted.quarantine(corpus), report, kept, stages)
    except BaseException:
        kept.release()
        raise


def select(corpus: Corpus, parameters: SelectionParameters, progress: Progress | None = None) -> ZipCalResult:
    """The whole road; see the top of this module.

    Parameters
    ----------
    corpus : Corpus
    parameters : SelectionParameters
    progress : Progress, optional

    Raises
    ------
    InputError
        No document can be used, or a selected id is not unique.
    """
    stages = Stages(progress or Silent())
    kept = Kept()
    try:
        counted = _count(corpus, parameters, stages, kept)
        k = min(parameters.k, counted.tally.documents.eligible)
        with stages.stage("select", f"Selecting {k:,} of {counted.tally.documents.eligible:,} documents"):
            blocks = _weighted_blocks(counted, parameters, kept)
            bound = PrefixBound(k, total_weight(counted.spectrum, parameters))
            partitions = Partitions(blocks, counted.partitions, _arrow_id(corpus), parameters.candidates)

            def on_round(picks: Picks) -> None:
                stages.progress.detail(f"round {picks.rounds}: {len(picks):,} of {k:,} proven")

            picks = strategies.select(partitions, parameters, k, bound, on_round)
        with stages.stage("lookup", "Looking up the selected text"):
            selection = _look_up(corpus, picks, kept)
            summary = describe_selection(counted.terms, counted.spectrum, parameters, picks, bound)
        report = _report(corpus, parameters, counted, summary, stages)
        return ZipCalResult(selection, ranked(counted.terms), counted.quarantine(corpus), report, kept, stages)
    except BaseException:
        kept.release()
        raise


@dataclass(frozen=True)
class _Tally:
    """Documents by what became of them, partitions that have some, and rows of terms that these have counted."""

    documents: Documents
    partitions: int
    counted_terms: int


@dataclass(frozen=True)
class _Counted:
    """What the pass over the text and the map-reduce give."""

    read: DataFrame
    terms: DataFrame
    tally: _Tally
    spectrum: Spectrum

    @property
    def partitions(self) -> int:
        """Partitions of the blocks: a task has at least `TASK_DOCUMENTS` documents, or costs more than it brings."""
        return min(self.tally.partitions, -(-self.tally.documents.eligible // TASK_DOCUMENTS))

    def blocks(self) -> DataFrame:
        return self.read.where("block is not null").select("block.*").coalesce(self.partitions)

    def quarantine(self, corpus: Corpus) -> DataFrame:
        rejected = self.read.where("rejected is not null").select("rejected.*")
        return rejected.withColumn("id", F.col("id").cast(corpus.id_type))


def _count(corpus: Corpus, parameters: CorpusParameters, stages: Stages, kept: Kept) -> _Counted:
    """Read the text once; count terms by map-reduce. Again with other names if two terms share one."""
    for salt in range(4):
        with stages.stage("read", "Reading text, counting terms"):
            read = kept.keep(read_once(corpus.rows, parameters.unit, parameters.max_length, salt))
            tally = _tally(read)
        with stages.stage("statistics", "Merging the counts of all partitions"):
            terms = kept.keep(vocabulary(read.where("term is not null"), tally.counted_terms))
            try:
                return _Counted(read, terms, tally, spectrum(terms, tally.documents.eligible))
            except HashCollision:
                kept.release()
    raise ZipcalError("Two terms got the same 64-bit name four times in a row: this is a defect, please report it.")


def _tally(read: DataFrame) -> _Tally:
    """What the pass over the text has brought.

    Raises
    ------
    InputError
        There is no document that can be used.
    """
    reason = F.col("rejected.reason").alias("reason")
    partition = F.substring_index("block.name", "-", 1)
    counts = read.groupBy(reason).agg(
        F.count("rejected").alias("rejected"),
        F.coalesce(F.sum("block.documents"), F.lit(0)).alias("documents"),
        F.countDistinct(partition).alias("partitions"),
        F.count("term").alias("terms"),
    )
    rows = counts.collect()
    by_reason = dict(sorted((row["reason"], row["rejected"]) for row in rows if row["reason"] is not None))
    eligible, quarantined = sum(row["documents"] for row in rows), sum(by_reason.values())
    if not rows:
        raise InputError("The input has no rows: name an input that has some.")
    if not eligible:
        found = ", ".join(f"{count:,} {reason}" for reason, count in by_reason.items())
        raise InputError(f"No document can be used ({found}): check the input and --text-column.")
    documents = Documents(eligible + quarantined, eligible, quarantined, by_reason)
    return _Tally(documents, sum(row["partitions"] for row in rows), sum(row["terms"] for row in rows))


def _weighted_blocks(counted: _Counted, parameters: SelectionParameters, kept: Kept) -> DataFrame:
    if parameters.weights == "uniform" and parameters.min_doc_freq == 1:
        return counted.blocks()  # a term without a weight is worth 1
    blocks = weighted(
        counted.blocks(),
        counted.terms,
        counted.spectrum,
        weights=parameters.weights,
        min_doc_freq=parameters.min_doc_freq,
        broadcast_limit=parameters.broadcast_limit,
    )
    return kept.keep(blocks)


def _arrow_id(corpus: Corpus) -> pa.DataType:
    return pa.int64() if isinstance(corpus.rows.schema["id"].dataType, T.LongType) else pa.string()


def _look_up(corpus: Corpus, picks: Picks, kept: Kept) -> DataFrame:
    """The selection: the picks with their domain and text, from the input.

    Raises
    ------
    InputError
        An id that was selected belongs to several rows, or the input has changed.
    """
    columns: dict[str, Iterable[Any]] = {
        "rank": pa.array(range(1, len(picks) + 1), pa.int32()),
        "id": pa.array(picks.ids, _arrow_id(corpus)),
        "units": pa.array([pick.units for pick in picks.picks], pa.int32()),
        "distinct_terms": pa.array([pick.distinct_terms for pick in picks.picks], pa.int32()),
        "gain": pa.array([pick.gain / SCALE for pick in picks.picks], pa.float64()),
        "coverage": pa.array([pick.coverage / SCALE for pick in picks.picks], pa.float64()),
        "layer": pa.array([pick.layer for pick in picks.picks], pa.int32()),
    }
    chosen = corpus.rows.sparkSession.createDataFrame(pa.table(columns))
    found = corpus.rows.where("fault is null").join(F.broadcast(chosen), "id")
    id_ = F.col("id").cast(corpus.id_type).alias("id")
    order = ["domain", "text", "units", "distinct_terms", "gain", "coverage", "layer"]
    selection = kept.keep(found.select("rank", id_, *order))
    rows, distinct = selection.agg(F.count("*"), F.countDistinct("rank")).collect()[0]
    if rows > distinct:
        twice = selection.groupBy("id").count().where("count > 1").orderBy("id").first()
        assert twice is not None
        raise InputError(
            f"The id {twice['id']!r} belongs to more than one document: ids must be unique; choose another id column, "
            "or leave the id out."
        )
    if rows < len(picks):
        raise ZipcalError("The input changed while it was read: run again when nothing writes to it.")
    return selection


def _report(
    corpus: Corpus,
    parameters: CorpusParameters,
    counted: _Counted,
    selection: Selection | None,
    stages: Stages,
) -> Report:
    packages = ("zipcal-spark", "numpy", "pyarrow", "polars", "pandas")
    return Report(
        documents=counted.tally.documents,
        vocabulary=describe_vocabulary(counted.spectrum),
        selection=selection,
        parameters=asdict(parameters),
        input=[asdict(source) for source in corpus.sources],
        versions={name: version(name) for name in packages}
        | {"spark": corpus.rows.sparkSession.version, "python": platform.python_version()},
        timings=dict(stages.timings),
    )
