"""The ways to select: the exact greedy, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pyspark.sql import functions as F

from zipcal_spark.config import SelectionParameters
from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.candidates import Id
from zipcal_spark.coverage.distributed import Partitions
from zipcal_spark.coverage.greedy import greedy_over, in_order
from zipcal_spark.coverage.picks import Picks
from zipcal_spark.coverage.rounds import OnRound, exact_greedy
from zipcal_spark.coverage.swaps import improve

Strategy = Callable[[Partitions, SelectionParameters, int, Bound, OnRound], Picks]


def select(partitions: Partitions, parameters: SelectionParameters, k: int, bound: Bound, on_round: OnRound) -> Picks:
    """Select exactly k documents by the strategy that the parameters name.

    Parameters
    ----------
    partitions : Partitions
    parameters : SelectionParameters
    k : int
        At most the number of documents.
    bound : Bound
        Tightened by what is seen of the corpus.
    on_round : callable
        See `rounds.OnRound`.
    """
    picks = STRATEGIES[parameters.strategy](partitions, parameters, k, bound, on_round)
    if len(picks) < k:
        # Whatever has weight is chosen: what is left comes last in this order, by id.
        chosen = set(picks.ids)
        left = [id_ for id_ in _first(partitions, k, "-own", "id") if id_ not in chosen]
        picks.add_without_gain(partitions.fetch(left))
    return picks


def _exact(partitions: Partitions, parameters: SelectionParameters, k: int, bound: Bound, on_round: OnRound) -> Picks:
    """The sequential greedy's picks (design, "The selection is exact")."""
    return exact_greedy(partitions, k, bound, on_round)


def _lp(partitions: Partitions, parameters: SelectionParameters, k: int, bound: Bound, on_round: OnRound) -> Picks:
    """The greedy's picks, improved by the linear programme and by swaps."""
    greedy = exact_greedy(partitions, k, bound, on_round)
    if len(greedy) < k or greedy.layer > 1 or greedy.coverage >= bound.upper:
        return greedy  # all is covered, or it is proven to be the best
    return improve(partitions, greedy, k, bound, lambda rounds: on_round(greedy.rounds + rounds, len(greedy)))


def _one_round(
    partitions: Partitions, parameters: SelectionParameters, k: int, bound: Bound, on_round: OnRound
) -> Picks:
    """GreeDi (Mirzasoleiman et al. 2013): each partition's greedy, then a greedy over their union.

    The only strategy whose result depends on the partitioning.
    """
    picks = greedy_over(partitions.union_of_greedies(k), k)
    _bound_by_round(partitions, picks, bound)
    return picks


def _by_order(*order: str) -> Strategy:
    """A strategy that takes the first k documents in an order by SQL expressions over `Partitions.documents`."""

    def strategy(
        partitions: Partitions, parameters: SelectionParameters, k: int, bound: Bound, on_round: OnRound
    ) -> Picks:
        ids = _first(partitions, k, *(expression.format(seed=parameters.seed) for expression in order), "id")
        picks = in_order(partitions.fetch(ids), ids)
        _bound_by_round(partitions, picks, bound)
        return picks

    return strategy


def _first(partitions: Partitions, k: int, *order: str) -> list[Id]:
    """Ids of the first k documents in an order."""
    ordered = partitions.documents().orderBy(*(F.expr(expression) for expression in order))
    ids: list[Id] = ordered.limit(k).select("id").toArrow()["id"].to_pylist()
    return ids


def _bound_by_round(partitions: Partitions, picks: Picks, bound: Bound) -> None:
    """Tighten the bound by what could still be gained after these picks."""
    covered = picks.covered(layer=1)
    best = partitions.best_priced(covered, np.zeros(len(covered), np.int64), len(picks))
    bound.tighten(picks.coverage, best["gain"].to_numpy())


STRATEGIES: dict[str, Strategy] = {
    "exact": _exact,
    "lp": _lp,
    "one-round": _one_round,
    "top-score": _by_order("-own"),  # no coverage; with the weight `rarity` the paper's `zipf`
    "random": _by_order("xxhash64({seed}L, cast(id as string))"),
    "longest": _by_order("-characters"),
}
