"""What the report says of a vocabulary and of a selection."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from pyspark.sql import DataFrame

from zipcal_spark import zipf
from zipcal_spark.config import SelectionParameters
from zipcal_spark.coverage.bound import Bound, certified_fraction
from zipcal_spark.coverage.picks import Picks
from zipcal_spark.report import FirstPick, Selection, Vocabulary
from zipcal_spark.statistics import vocabulary
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
    sums: DataFrame,
    spectrum: zipf.Spectrum,
    parameters: SelectionParameters,
    picks: Picks,
    bound: Bound,
    certify_rounds: int,
) -> Selection:
    """What was selected, and how good it is: against random documents, and against any.

    Parameters
    ----------
    sums : DataFrame
        See `statistics.sums`.
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
        first_picks=_first_picks(sums, picks),
    )


def _first_picks(sums: DataFrame, picks: Picks) -> list[FirstPick]:
    """The first picks, each with a few of the terms that it covered first."""
    first = picks.picks[:_FIRST_PICKS]
    names = [pick.new_terms[:1000] for pick in first]
    known = vocabulary(sums, np.concatenate(names)).toArrow()
    term_of = dict(
        zip(
            known["hash"].to_pylist(), zip(known["tf"].to_pylist(), known["term"].to_pylist(), strict=True), strict=True
        )
    )
    rarest = [[term for _, term in sorted(term_of[name] for name in row.tolist())] for row in names]
    return [
        FirstPick(rank + 1, pick.id, len(pick.new_terms), rarest[rank][:_FIRST_TERMS])
        for rank, pick in enumerate(first)
    ]
