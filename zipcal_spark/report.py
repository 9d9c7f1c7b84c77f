"""`report.json`: what a run read, found and selected, typed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from zipcal_spark.errors import InputError

REPORT = "report.json"
"""The name of the report in an output folder."""


@dataclass(frozen=True)
class Documents:
    """Rows of the input.

    Attributes
    ----------
    read, eligible, quarantined : int
        read = eligible + quarantined.
    by_reason : dict of str to int
        The quarantined ones by what is wrong with them.
    """

    read: int
    eligible: int
    quarantined: int
    by_reason: dict[str, int]


@dataclass(frozen=True)
class Vocabulary:
    """The vocabulary of all windows, and its laws.

    Attributes
    ----------
    types, tokens, hapaxes : int
        Distinct terms; units; terms that occur once.
    zipf : dict or None
        The Zipf-Mandelbrot fit with its goodness and range (`zipf.ZipfMandelbrot`); None where there is too little.
    heaps : dict or None
        The fit of Heaps' law (`zipf.Heaps`).
    rank_frequency : dict of str to list
        `rank` and `frequency`, at ranks spread evenly over their logarithm.
    heaps_curve : dict of str to list
        `tokens` and the expected `types` in so many tokens.
    """

    types: int
    tokens: int
    hapaxes: int
    zipf: dict[str, Any] | None
    heaps: dict[str, Any] | None
    rank_frequency: dict[str, list[Any]]
    heaps_curve: dict[str, list[Any]]


@dataclass(frozen=True)
class FirstPick:
    """One of the first picks.

    Attributes
    ----------
    rank : int
    id : str or int
    new_terms : int
        How many terms of weight above 0 it covered first.
    terms : list of str
        A few of these, the rarest first.
    """

    rank: int
    id: str | int
    new_terms: int
    terms: list[str]


@dataclass(frozen=True)
class Selection:
    """What was selected and how good it is; coverage and the like in summed weights.

    Attributes
    ----------
    k : int
        Documents selected.
    covered_terms : int
        Distinct terms of weight above 0 in the selected windows.
    coverage, total : float
        f of the selection, and of the whole corpus.
    certified_fraction : float
        The selection covers at least this fraction of what any k documents can, by `bound`.
    bound : str
        What kind of prices gave the bound: 'prefix' or 'lp', see `coverage.bound.Bound`.
    certify_rounds : int
        Rounds over the partitions that the linear programme's bound took.
    exact : bool
        Whether it is the sequential greedy's selection, pick by pick.
    rounds : int
        Rounds over the partitions.
    layers : int
    random_coverage : float
        The expected coverage of k documents drawn at random.
    first_picks : list of FirstPick
    """

    k: int
    covered_terms: int
    coverage: float
    total: float
    certified_fraction: float
    bound: str
    certify_rounds: int
    exact: bool
    rounds: int
    layers: int
    random_coverage: float
    first_picks: list[FirstPick]


@dataclass(frozen=True)
class Report:
    """All of a run; `selection` is None where only statistics were asked for.

    Attributes
    ----------
    documents : Documents
    vocabulary : Vocabulary
    selection : Selection or None
    parameters : dict
        As declared in `config`.
    input : list of dict
        A `corpus.Source` each.
    versions : dict of str to str
    timings : dict of str to float
        Seconds a stage.
    """

    documents: Documents
    vocabulary: Vocabulary
    selection: Selection | None
    parameters: dict[str, Any]
    input: list[dict[str, Any]]
    versions: dict[str, str]
    timings: dict[str, float]

    def to_json(self) -> str:
        """The report as JSON text."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2, allow_nan=False) + "\n"

    @staticmethod
    def from_json(text: str) -> Report:
        """Read what `to_json` wrote.

        Raises
        ------
        InputError
            The text is not a report of this version.
        """
        try:
            data = json.loads(text)
            selection = data.pop("selection")
            if selection is not None:
                picks = [FirstPick(**pick) for pick in selection.pop("first_picks")]
                selection = Selection(**selection, first_picks=picks)
            return Report(
                documents=Documents(**data.pop("documents")),
                vocabulary=Vocabulary(**data.pop("vocabulary")),
                selection=selection,
                **data,
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                "This is no report of this version of zipcal: make it again with zipcal select."
            ) from error
