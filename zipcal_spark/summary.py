"""What the report says of a vocabulary and of a selection."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from zipcal_spark import zipf
from zipcal_spark.config import SelectionParameters
from zipcal_spark.coverage.bound import Bound, certified_fraction
from zipcal_spark.coverage.picks import Picks
from zipcal_spark.report import FirstPick, Selection, Vocabulary
from zipcal_spark.weights import SCALE, term_weights

_FIRST_PICKS = 10
_FIRST_TERMS = 6


def total_weight(spectrum: zipf.Spectrum, parameters: SelectionParameters) -> int:
    """The weight of the whole vocabulary, in units of 2**-30."""
    weights = _weights(spectrum, parameters)
    return sum(int(weight) * int(types) for weight, types in zip(weights, spectrum.types, strict=True))


def _weights(spectrum: zipf.Spectrum, parameters: SelectionParameters) -> np.ndarray:
    return term_weights(parameters.weights, spectrum.tf, spectrum.df, spectrum.documents, parameters.min_doc_freq)


def describe_vocabulary(spectrum: zipf.Spectrum) -> Vocabulary:
    """The vocabulary's size, curves and laws."""
    fit = zipf.fit_zipf_mandelbrot(spectrum)
    curve = zipf.heaps_curve(spectrum)
    heaps = zipf.fit_heaps(curve)
    ranks = zipf.rank_frequency(spectrum)
    return Vocabulary(
        types=spectrum.vocabulary_size,
        tokens=spectrum.tokens,
        hapaxes=spectrum.hapaxes,
        zipf=asdict(fit) if fit else None,
        heaps=asdict(heaps) if heaps else None,
        rank_frequency={name: column.tolist() for name, column in ranks._asdict().items()},
        heaps_curve={name: column.tolist() for name, column in curve._asdict().items()},
    )


def describe_selection(
    terms: DataFrame,
    spectrum: zipf.Spectrum,
    parameters: SelectionParameters,
    picks: Picks,
    bound: Bound,
    certify_rounds: int,
) -> Selection:
    """What was selected, and how good it is: against random documents, and against any.

    Parameters
    ----------
    terms : DataFrame
        See `statistics.vocabulary`.
    spectrum : zipf.Spectrum
    parameters : SelectionParameters
    picks : Picks
    bound : Bound
    certify_rounds : int
    """
    random = zipf.expected_random_coverage(
        spectrum.df, _weights(spectrum, parameters), spectrum.types, spectrum.documents, len(picks)
    )
    return Selection(
        k=len(picks),
        covered_terms=sum(len(pick.new_terms) for pick in picks.picks if pick.layer == 1),
        coverage=picks.coverage / SCALE,
        total=total_weight(spectrum, parameters) / SCALE,
        certified_fraction=certified_fraction(picks.coverage, bound.upper),
        bound=bound.name,
        certify_rounds=certify_rounds,
        exact=parameters.strategy == "exact",
        rounds=picks.rounds,
        layers=picks.picks[-1].layer,
        random_coverage=random / SCALE,
        first_picks=_first_picks(terms, picks),
    )


def _first_picks(terms: DataFrame, picks: Picks) -> list[FirstPick]:
    """The first picks, each with a few of the terms that it covered first."""
    first = picks.picks[:_FIRST_PICKS]
    names = [pick.new_terms[:1000] for pick in first]
    ranks = [rank for rank, row in enumerate(names) for _ in row]
    asked = pa.table(
        {
            "pick": pa.array(ranks, pa.int32()),
            "hash": pa.array([name for row in names for name in row], pa.int64()),
        }
    )
    known = terms.join(F.broadcast(terms.sparkSession.createDataFrame(asked)), "hash").select("pick", "term", "tf")
    rarest: list[list[str]] = [[] for _ in first]
    for row in known.toArrow().sort_by([("tf", "ascending"), ("term", "ascending")]).to_pylist():
        rarest[row["pick"]].append(row["term"])
    return [
        FirstPick(rank + 1, pick.id, len(pick.new_terms), rarest[rank][:_FIRST_TERMS])
        for rank, pick in enumerate(first)
    ]
