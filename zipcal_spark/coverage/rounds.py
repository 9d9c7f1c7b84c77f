"""The loop: the driver guesses, the partitions challenge, until no document beats any step of the guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.coverage.bound import Bound
from zipcal_spark.coverage.candidates import Candidates, new_rows, numbers_in
from zipcal_spark.coverage.challenge import Guess
from zipcal_spark.coverage.greedy import Greedy, pick, pick_further_layers
from zipcal_spark.coverage.picks import Picks

OnRound = Callable[[int, int], None]
"""Told after each round: how many rounds there were, and how many picks are proven."""


def _nobody(rounds: int, proven: int) -> None:
    """Told of rounds, does nothing."""


# How often the bound looks at the state where all documents are here.
_LOOKS = 32


class Challengers(Protocol):
    """The documents of a corpus, to select from."""

    def everything(self) -> pa.Table | None:
        """Rows of `candidate_schema` of all documents of weight above 0; None where the driver cannot take so many."""

    def seeds(self, chosen: pa.Array | None) -> pa.Table:
        """Rows of `candidate_schema` of some that do not occur in `chosen`; none only where no such one has weight."""

    def challenge(self, guess: Guess, chosen: pa.Array | None) -> pa.Table:
        """Rows of `challenge_schema`, see `challenge.challenge`."""


def exact_greedy(documents: Challengers, k: int, bound: Bound, on_round: OnRound = _nobody) -> Picks:
    """The sequential greedy's selection, pick by pick (design, "The selection is exact").

    Parameters
    ----------
    documents : Challengers
    k : int
        At most the number of documents.
    bound : Bound
        Tightened by what the rounds show.
    on_round : callable

    Returns
    -------
    Picks
        Fewer than k only if all other documents are without weight.
    """
    picks = Picks()
    every = documents.everything()
    if every is not None:
        picks.rounds = 1
        _pick_from_all(every, k, bound, picks)
        on_round(picks.rounds, len(picks))
        return picks
    while len(picks) < k:
        chosen = pa.array(picks.ids) if picks.layer > 1 else None
        rows = documents.seeds(chosen)
        if len(rows) == 0:
            break
        _pick_layer(documents, rows, chosen, k, bound, picks, on_round)
        picks.layer += 1
    picks.layer = picks.picks[-1].layer if picks.picks else 1
    return picks


def _pick_from_all(rows: pa.Table, k: int, bound: Bound, picks: Picks) -> None:
    """The greedy where all documents are here."""
    greedy = Greedy(Candidates.from_rows(rows))
    stride = max(1, k // _LOOKS)
    before = -1
    while before < len(picks) < k:
        bound.tighten(picks.coverage, greedy.gains)
        before = len(picks)
        pick(greedy, min(stride, k - len(picks)), picks)
    bound.tighten(picks.coverage, greedy.gains)
    pick_further_layers(greedy, k, picks)


def _pick_layer(
    documents: Challengers,
    rows: pa.Table,
    chosen: pa.Array | None,
    k: int,
    bound: Bound,
    picks: Picks,
    on_round: OnRound,
) -> None:
    """Pick in the present layer, until there are k picks or nothing more is to gain in it.

    The driver's greedy over some documents is a guess, and all documents challenge it. A step of it is the sequential
    greedy's, if no document of the corpus beats it or a step before: then what the steps before have covered is what
    the sequential greedy has covered, and the step's document has the best key of all. The first step that is beaten
    belongs to the best of those that beat it, the champion, which comes back; with it, each round proves at least one
    more step. What also comes back are the documents that beat a step, or nearly do: the next guess is made from these
    and from the documents of this one, so that the driver never holds more.

    Parameters
    ----------
    rows : pyarrow.Table of `candidate_schema`
        Some documents, for the first guess.
    """
    already, proven = len(picks), 0
    while True:
        attempt, guess = _guess(rows, k, proven, picks)
        found = documents.challenge(guess, chosen)
        picks.rounds += 1
        is_document = pc.is_valid(found["id"])
        beaten = pc.min(found["step"]).as_py()  # tallies have none
        if beaten is None:
            break
        on_round(picks.rounds, already + beaten)
        proven = beaten + 1
        ids = pa.array(attempt.ids[already:], guess.ids.type)
        guessed = rows.filter(pc.is_in(rows["id"], value_set=ids))
        challengers = found.filter(is_document).drop_columns("step")
        rows = pa.concat_tables([challengers, new_rows(guessed, challengers)])
    picks.picks = attempt.picks
    on_round(picks.rounds, len(picks))
    _tighten(bound, guess, found.filter(pc.invert(is_document)))


def _guess(rows: pa.Table, k: int, proven: int, picks: Picks) -> tuple[Picks, Guess]:
    """The greedy over some documents, after the picks of earlier layers; as picks, and as a guess."""
    attempt = Picks(picks=list(picks.picks), layer=picks.layer)
    pick(Greedy(Candidates.from_rows(rows)), k - len(picks), attempt)
    made = attempt.picks[len(picks) :]
    own = dict(zip(rows["id"].to_pylist(), rows["own"].to_pylist(), strict=True))
    guess = Guess(
        names=np.concatenate([one.new_terms for one in made]),
        covered_at=np.repeat(np.arange(len(made), dtype=np.int32), [len(one.new_terms) for one in made]),
        gains=np.array([one.gain for one in made], np.int64),
        own=np.array([own[one.id] for one in made], np.int64),
        ids=pa.array([one.id for one in made], rows.schema.field("id").type),
        ends=len(attempt) < k,
        proven=proven,
        tally=k if picks.layer == 1 else 0,
    )
    return attempt, guess


def _tighten(bound: Bound, guess: Guess, tallies: pa.Table) -> None:
    """Take in the largest gains at some steps of the first layer (prefix bound, see `Bound`)."""
    covered = np.append(0, np.cumsum(guess.gains))
    steps, gains, counts = numbers_in(tallies["hashes"]).reshape(-1, 3).T
    for step in np.unique(steps):
        at = steps == step
        bound.tighten(int(covered[min(step, len(guess.gains))]), gains[at], counts[at])
