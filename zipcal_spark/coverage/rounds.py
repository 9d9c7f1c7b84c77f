"""The loop: partitions propose, the driver picks as long as it can prove, what is covered is shared again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.candidates import Candidates, Key
from zipcal_spark.coverage.greedy import Greedy, pick_further_layers, pick_proven
from zipcal_spark.coverage.picks import Picks

Propose = Callable[[np.ndarray, pa.Array | None], pa.Table]
"""A round over all partitions: (covered terms, ids that no longer compete) -> rows of `candidate_schema`."""

# How often the bound looks at the state within a round: each look costs about as much as ten picks.
_LOOKS = 32


def exact_greedy(
    propose: Propose, k: int, bound: Bound, on_round: Callable[[Picks], None] = lambda picks: None
) -> Picks:
    """The sequential greedy's selection, pick by pick, by rounds.

    A pick is the best candidate, and is proven while its key beats the best key that any partition kept back: gains
    only fall, so no document kept back can have become better (design, "The selection is exact"). The best candidate
    of a round always beats that key at the start of the round, so each round picks at least one document.

    Parameters
    ----------
    propose : Propose
    k : int
        At most the number of documents.
    bound : Bound
        Tightened by what the rounds show.
    on_round : callable
        Told of the picks after each round.

    Returns
    -------
    Picks
        Fewer than k only if all other documents are without weight.
    """
    picks = Picks()
    fresh = True  # nothing is covered in this layer yet
    while len(picks) < k:
        chosen = pa.array(picks.ids) if picks.layer > 1 else None
        rows, kept_back = split_rows(propose(picks.covered(), chosen))
        picks.rounds += 1
        if len(rows) == 0:
            if fresh:
                break
            picks.layer, fresh = picks.layer + 1, True
            continue
        greedy = Greedy(Candidates.from_rows(rows))
        best_kept_back = _best(kept_back)
        others = [(row["gain"], row["kept_back"]) for row in kept_back.to_pylist()]
        stride = max(1, k // _LOOKS)
        more = True
        while more:
            if picks.layer == 1:
                bound.tighten(picks.coverage, greedy.gains, others)
            more = pick_proven(greedy, best_kept_back, min(k, len(picks) + stride), picks)
        if picks.layer == 1:
            bound.tighten(picks.coverage, greedy.gains, others)
        # Where a layer's first round has brought every document, the later layers need no further rounds.
        if fresh and not others:
            pick_further_layers(greedy, k, picks)
        fresh = False
        on_round(picks)
    return picks


def split_rows(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The candidates among the rows of a round, and the rows for what was kept back."""
    is_candidate = pc.equal(rows["kept_back"], 0)
    return rows.filter(is_candidate), rows.filter(pc.invert(is_candidate)).select(["id", "gain", "own", "kept_back"])


def _best(kept_back: pa.Table) -> Key | None:
    """The best key among rows; None where there are none."""
    best: Key | None = None
    for row in kept_back.to_pylist():
        key = Key(row["gain"], row["own"], row["id"])
        if best is None or key.beats(best):
            best = key
    return best
