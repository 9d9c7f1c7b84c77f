"""The whole road: a corpus goes in, the documents that cover the most vocabulary come out.

text --one pass--> sparse documents, term counts, quarantine      counting, reading
term counts --map-reduce--> vocabulary and its laws               statistics, zipf
vocabulary --broadcast or join--> weights in the documents        statistics.weighted
documents --rounds--> picks, proven one by one                    strategies, coverage
picks --prices--> how close they are to the best there is         coverage.certificate
picks --lookup--> the selection with its text                     lookup
"""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version

from pyspark.sql import DataFrame

from zipcal_spark import __version__, strategies
from zipcal_spark.config import CorpusParameters, SelectionParameters, parameters_doc
from zipcal_spark.corpus import Corpus, from_dataframe
from zipcal_spark.counting import Counted, count
from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.certificate import certify
from zipcal_spark.coverage.distributed import Partitions
from zipcal_spark.lookup import look_up
from zipcal_spark.progress import Progress, Silent, Stages
from zipcal_spark.report import Report, Selection
from zipcal_spark.result import Kept, ZipCalResult
from zipcal_spark.statistics import weighted
from zipcal_spark.summary import describe_selection, describe_vocabulary, total_weight


class ZipCal(SelectionParameters):
    __doc__ = parameters_doc(
        "Selects the documents that cover the most vocabulary (ZipCal, arXiv 2603.16105).", SelectionParameters
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

    def stats(self, df: DataFrame) -> ZipCalResult:
        """Vocabulary and report of a DataFrame, without a selection; errors as for `select`."""
        return statistics(from_dataframe(df, self), self)


def statistics(corpus: Corpus, parameters: CorpusParameters, progress: Progress | None = None) -> ZipCalResult:
    """Vocabulary and report of a corpus, without a selection."""
    stages = Stages(progress or Silent())
    kept = Kept(corpus.rows.sparkSession)
    try:
        counted = count(corpus, parameters, stages, kept)
        report = _report(corpus, parameters, counted, None, stages)
        return ZipCalResult(None, counted.vocabulary(), counted.quarantine(corpus), report, kept, stages)
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
    kept = Kept(corpus.rows.sparkSession)
    try:
        seeds = _all_worth_one(parameters)
        counted = count(corpus, parameters, stages, kept, seeds)
        k = min(parameters.k, counted.tally.documents.eligible)
        with stages.stage("select", f"Selecting {k:,} of {counted.tally.documents.eligible:,} documents"):
            blocks = _weighted_blocks(counted, parameters, kept)
            bound = Bound(k, total_weight(counted.spectrum, parameters))
            size = counted.tally.documents.eligible
            known = counted.seeds if seeds else None
            partitions = Partitions(blocks, counted.partitions, size, corpus.arrow_id, parameters.candidates, known)

            def on_round(rounds: int, proven: int) -> None:
                stages.progress.detail(f"round {rounds}: {proven:,} of {k:,} proven")

            picks = strategies.select(partitions, parameters, k, bound, on_round)
        with stages.stage("certify", "Proving how good that is"):
            certify_rounds = certify(partitions, picks, k, bound, parameters.certify, size)
        with stages.stage("lookup", "Looking up the selected text"):
            selection = look_up(corpus, picks, kept)
            summary = describe_selection(counted.sums, counted.spectrum, parameters, picks, bound, certify_rounds)
        report = _report(corpus, parameters, counted, summary, stages)
        return ZipCalResult(selection, counted.vocabulary(), counted.quarantine(corpus), report, kept, stages)
    except BaseException:
        kept.release()
        raise


def _all_worth_one(parameters: SelectionParameters) -> bool:
    """Whether covering any term is worth 1, so that nothing needs the statistics before it can begin."""
    return parameters.weights == "uniform" and parameters.min_doc_freq == 1


def _weighted_blocks(counted: Counted, parameters: SelectionParameters, kept: Kept) -> DataFrame:
    if _all_worth_one(parameters):
        return counted.blocks()  # a term without a weight is worth 1
    blocks = weighted(
        counted.blocks(),
        counted.partitions,
        counted.sums,
        counted.spectrum,
        weights=parameters.weights,
        min_doc_freq=parameters.min_doc_freq,
        broadcast_limit=parameters.broadcast_limit,
        folder=kept.folder("weighted"),
    )
    return kept.keep(blocks)


def _report(
    corpus: Corpus,
    parameters: CorpusParameters,
    counted: Counted,
    selection: Selection | None,
    stages: Stages,
) -> Report:
    packages = ("numpy", "pyarrow", "polars", "pandas")
    return Report(
        documents=counted.tally.documents,
        vocabulary=describe_vocabulary(counted.spectrum),
        selection=selection,
        # Settings of Spark are no parameters of the method, and may hold passwords.
        parameters={name: value for name, value in asdict(parameters).items() if name != "conf"},
        input=[asdict(source) for source in corpus.sources],
        versions={
            "zipcal-spark": __version__,
            "spark": corpus.rows.sparkSession.version,
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
        timings=dict(stages.timings),
    )
