"""From picks to the selection: what was only ids and numbers gets its text."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from zipcal_spark.corpus import Corpus
from zipcal_spark.coverage.picks import Picks
from zipcal_spark.errors import InputError, ZipcalError
from zipcal_spark.result import Kept
from zipcal_spark.weights import SCALE


def look_up(corpus: Corpus, picks: Picks, kept: Kept) -> DataFrame:
    """The selection: the picks with their domain and text, which are read from the input again.

    Parameters
    ----------
    corpus : Corpus
    picks : Picks
    kept : Kept
        Takes the selection.

    Returns
    -------
    DataFrame
        As `result.ZipCalResult.selection`.

    Raises
    ------
    InputError
        An id that was selected belongs to several rows, or the input has changed.
    """
    columns = {
        "rank": pa.array(range(1, len(picks) + 1), pa.int32()),
        "id": pa.array(picks.ids, corpus.arrow_id),
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
    # Only here: looking at the UTF-8 of all rows takes longer than finding these.
    selection = kept.keep(found.select("rank", id_, *order)).where(F.is_valid_utf8("text"))
    found_ranks = selection.select("rank").toArrow()["rank"]
    if len(found_ranks) > len(found_ranks.unique()):
        twice = selection.groupBy("id").count().where("count > 1").orderBy("id").first()
        assert twice is not None
        raise InputError(
            f"The id {twice['id']!r} belongs to more than one document: ids must be unique: choose another id column, "
            "and give each file once."
        )
    if len(found_ranks) < len(picks):
        raise ZipcalError("The input changed while it was read: run again when nothing writes to it.")
    return selection
