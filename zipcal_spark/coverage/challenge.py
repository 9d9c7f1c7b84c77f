"""Partition-local: which documents beat a guess, and which come closest to it. NumPy, compiled loops and Arrow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zipcal_spark.compiled import compiled
from zipcal_spark.coverage.candidates import (
    among,
    binary_of,
    candidate_rows,
    candidate_schema,
    own_weights,
    weights_of,
)
from zipcal_spark.coverage.positions import Positions
from zipcal_spark.documents import Block
from zipcal_spark.weights import SCALE

# A document is first looked at in so many stretches of the guess, then, if it may matter, step by step.
_STRETCHES = 48
# Gains are tallied at the beginning of every sixth stretch, in bins: words where all terms are worth 1, else a
# so-manyth of the guess's first gain; what is beyond the last bin is in the last.
_TALLY_EVERY, _BINS, _BIN_OF_FIRST = 6, 8192, 2048
_LARGEST = 2**62


@dataclass(frozen=True)
class Guess:
    """Documents as the greedy may pick them, one a step, within a layer. Their keys fall from step to step.

    Attributes
    ----------
    names : ndarray of int64, shape (m,)
        The terms that they cover.
    covered_at : ndarray of int32, shape (m,)
        The step that covers each first.
    gains, own : ndarray of int64, shape (n,)
        Of each step's document, in units of 2**-30.
    ids : pyarrow array of string or int64, shape (n,)
    ends : bool
        Whether it says that after these nothing is left to gain: there is one more step then, that any gain beats.
    proven : int
        So many first steps need not be looked at again.
    tally : int
        So many of the largest gains are tallied; 0 for none.
    """

    names: np.ndarray
    covered_at: np.ndarray
    gains: np.ndarray
    own: np.ndarray
    ids: pa.Array
    ends: bool
    proven: int
    tally: int


def challenge_schema(id_type: pa.DataType) -> pa.Schema:
    """The rows of a challenge: `candidate_schema` and `step`, of two kinds.

    Documents: `gain` is the key's at `step`, the first step that the document beats; null where it beats none.
    A tally, without an id: the largest gains at the beginning of some steps. `hashes` holds int64 numbers by threes: a
    step, a bound on a gain in units of 2**-30, and how many documents have it; for each step from the largest down.
    """
    return candidate_schema(id_type).append(pa.field("step", pa.int64()))


def challenge(blocks: Iterable[Block], guess: Guess, chosen: pa.Array | None, limit: int) -> pa.Table | None:
    """Challenge a guess with all documents of a partition.

    A document beats a step if its key given what the steps before have covered (gain, then own weight, then id) comes
    before that of the step's document. A step that no document beats, nor any before it, is the greedy's own.

    Parameters
    ----------
    blocks : iterable of Block
        The partition's documents; one block is held at a time.
    guess : Guess
    chosen : pyarrow array of ids, or None
        Documents that do not compete: those of earlier layers.
    limit : int
        How many documents to return at most, beside the champion: those whose gain exceeds a step's most, or falls
        short of it least, over the steps that are not proven.

    Returns
    -------
    pyarrow.Table of `challenge_schema`, or None where there are no documents
        Among them the champion: of the first step that any document beats, the one of the best key.
    """
    challenged = _Challenged(guess)
    best: pa.Table | None = None
    champion: pa.Table | None = None
    floor = -_LARGEST
    for block in blocks:
        rows = challenged.by(block, chosen, floor, limit)
        if rows is None:
            continue
        champion = _champion(rows if champion is None else pa.concat_tables([champion, rows]))
        best = rows if best is None else pa.concat_tables([best, rows])
        best = best.take(pc.sort_indices(best, _CLOSEST)[:limit])
        if len(best) == limit:
            floor = best["margin"][limit - 1].as_py()
    found = challenged.tally()
    if best is not None and champion is not None:
        others = best.filter(pc.invert(pc.is_in(best["id"], value_set=champion["id"].combine_chunks())))
        found += [table.drop_columns("margin") for table in (champion, others)]
    return pa.concat_tables(found) if found else None


_CLOSEST = [("margin", "descending"), ("own", "descending"), ("id", "ascending")]


def _champion(rows: pa.Table) -> pa.Table:
    """Of the rows of the first step that is beaten, the one of the best key; none where none is beaten."""
    first = pc.min(rows["step"])
    rows = rows.filter(pc.equal(rows["step"], first))
    return rows.take(pc.sort_indices(rows, [("gain", "descending"), ("own", "descending"), ("id", "ascending")])[:1])


class _Challenged:
    """A guess as the loops need it, and the tallies over all blocks."""

    def __init__(self, guess: Guess) -> None:
        self._guess = guess
        self._positions = Positions(guess.names)
        last = np.array([0] if guess.ends else [], np.int64), np.array([_LARGEST] if guess.ends else [], np.int64)
        self._gains, self._own = (np.append(*both) for both in zip((guess.gains, guess.own), last, strict=True))
        self._steps = len(self._gains)
        # Stretches in which gains fall about equally far.
        levels = np.linspace(self._gains[0], self._gains[-1], _STRETCHES)
        edges = np.searchsorted(-self._gains, -levels)
        self._edges = np.unique(np.concatenate([[0, min(guess.proven, self._steps - 1)], edges, [len(guess.gains)]]))
        self._edges = self._edges[self._edges < self._steps]
        ends = np.append(self._edges[1:], self._steps)
        # A gain that holds throughout a stretch is held against its last step.
        self._thresholds = np.where(ends > guess.proven, self._gains[ends - 1], _LARGEST)
        self._stretch_of = np.searchsorted(self._edges, np.arange(self._steps + 1), side="right") - 1
        self._stretch_of[-1] = len(self._edges)  # never covered
        self._tallied = np.zeros(len(self._edges) + 1, bool)
        self._tallied[::-_TALLY_EVERY] = guess.tally > 0
        self._bins = np.zeros((len(self._edges) + 1, _BINS), np.int64)
        self._bin = 1
        self._most = 0

    def by(self, block: Block, chosen: pa.Array | None, floor: int, limit: int) -> pa.Table | None:
        """Documents of a block that may matter: rows of `challenge_schema` and `margin`, in no order."""
        uniform = block.weights is None
        weights = weights_of(block)
        own = own_weights(block)
        self._bin = SCALE if uniform else max(1, int(self._gains[0]) // _BIN_OF_FIRST)
        self._most = max(self._most, int(own.max()))
        found = self._positions.of(block.hashes)
        steps = np.where(found >= 0, np.append(self._guess.covered_at, np.int32(0))[found], np.int32(self._steps))
        competes = np.ones(len(own), bool) if chosen is None else ~among(block.ids, chosen)
        # Words are counted where all are worth 1, and weighed in the end.
        margins = _screen(
            block.offsets, block.terms, np.empty(0, np.int64) if uniform else weights,
            self._stretch_of.astype(np.uint8)[steps], self._thresholds, competes, self._tallied, self._bins, self._bin,
        )  # fmt: skip
        documents = np.flatnonzero(competes & ((margins >= 0) | (margins >= floor)))
        if len(documents) == 0:
            return None
        order, order_of_steps = self._orders(block.ids.take(pa.array(documents)))
        first, gains, margin = _follow(
            documents, block.offsets, block.terms, np.empty(0, np.int64) if uniform else weights, steps,
            self._gains, self._own, order_of_steps, self._guess.proven, own, order,
        )  # fmt: skip
        beats = first < self._steps
        # No more than the limit, and the block's champion.
        kept = np.lexsort((order, -own[documents], -margin))[:limit]
        if beats.any():
            earliest = np.flatnonzero(first == first.min())
            champion = earliest[np.lexsort((order[earliest], -own[documents][earliest], -gains[earliest]))[0]]
            kept = np.unique(np.append(kept, champion))
        all_gains = own.copy()
        all_gains[documents] = gains
        rows = candidate_rows(block, documents[kept], all_gains, own, weights)
        rows = rows.append_column("step", pa.array(first[kept], mask=~beats[kept]))
        return rows.append_column("margin", pa.array(margin[kept]))

    def _orders(self, ids: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Numbers in the order of ids: of some documents, and of the steps' documents."""
        ranks = pc.rank(pa.concat_arrays([ids, self._guess.ids]), sort_keys="ascending", tiebreaker="dense")
        numbers = ranks.to_numpy().astype(np.int64)
        return numbers[: len(ids)], np.append(numbers[len(ids) :], np.int64(0))  # the last where a step has no document

    def tally(self) -> list[pa.Table]:
        """A row of `challenge_schema` for the largest gains; none where none are asked for."""
        if not self._tallied.any():
            return []
        steps = np.append(self._edges, self._steps)
        parts = []
        for number in np.flatnonzero(self._tallied):
            bins = np.flatnonzero(self._bins[number])[::-1]
            counts = self._bins[number][bins]
            enough = np.searchsorted(np.cumsum(counts), self._guess.tally) + 1
            bins, counts = bins[:enough], counts[:enough]
            values = np.where(bins == _BINS - 1, self._most, bins * self._bin)
            # At least one for each step: without it no gain there and no look at it would be the same.
            values, counts = np.append(values, 0), np.append(counts, 0)
            parts.append(np.stack([np.full(len(values), steps[number]), values, counts], axis=1))
        numbers = np.concatenate(parts).ravel()
        schema = challenge_schema(self._guess.ids.type)
        row = {field.name: pa.nulls(1, field.type) for field in schema}
        row["hashes"] = binary_of(numbers, np.array([len(numbers)]))
        return [pa.table(row, schema=schema)]


@compiled
def _screen(
    offsets: np.ndarray, terms: np.ndarray, weights: np.ndarray, stretches: np.ndarray, thresholds: np.ndarray,
    competes: np.ndarray, tallied: np.ndarray, bins: np.ndarray, bin_width: int,
) -> np.ndarray:  # fmt: skip
    """Bounds on the documents' margins, from the gains at the beginning of each stretch; and the tallies of these."""
    uniform = len(weights) == 0
    margins = np.empty(len(offsets) - 1, np.int64)
    count = len(thresholds)
    sums = np.zeros(256, np.int64)
    for document in range(len(margins)):
        sums[: count + 1] = 0
        gain = 0
        for entry in range(offsets[document], offsets[document + 1]):
            term = terms[entry]
            weight = 1 if uniform else weights[term]
            sums[stretches[term]] += weight
            gain += weight
        margin = -_LARGEST
        for stretch in range(count + 1):
            worth = gain * SCALE if uniform else gain
            if tallied[stretch] and gain > 0 and competes[document]:
                # Rounded up: never below the gain.
                place = gain if uniform else (gain + bin_width - 1) // bin_width
                bins[stretch, min(place, bins.shape[1] - 1)] += 1
            if stretch < count:
                margin = max(margin, worth - thresholds[stretch])
                gain -= sums[stretch]
        margins[document] = margin
    return margins


@compiled
def _follow(
    documents: np.ndarray, offsets: np.ndarray, terms: np.ndarray, weights: np.ndarray, steps: np.ndarray,
    step_gains: np.ndarray, step_own: np.ndarray, step_order: np.ndarray, proven: int,
    own: np.ndarray, order: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Documents along the steps that are not proven.

    Returns
    -------
    ndarray of int64
        The first step that each beats; the number of steps where it beats none.
    ndarray of int64
        Its gain there; its own weight where it beats none.
    ndarray of int64
        Its margin: the most by which its gain exceeds a step's.
    """
    uniform = len(weights) == 0
    count = len(step_gains)
    longest = 0
    for document in documents:
        longest = max(longest, offsets[document + 1] - offsets[document])
    covered_at, worth = np.empty(longest, np.int64), np.empty(longest, np.int64)
    first, gains, margins = np.full(len(documents), count), own[documents], np.full(len(documents), -_LARGEST)
    for i in range(len(documents)):
        document = documents[i]
        gain, falls = 0, 0
        for entry in range(offsets[document], offsets[document + 1]):
            term = terms[entry]
            step = steps[term]
            weight = SCALE if uniform else weights[term]
            if step < proven:
                continue
            gain += weight
            if step < count:  # put in its place
                place = falls
                while place > 0 and covered_at[place - 1] > step:
                    covered_at[place], worth[place] = covered_at[place - 1], worth[place - 1]
                    place -= 1
                covered_at[place], worth[place] = step, weight
                falls += 1
        begin, fall = proven, 0
        while begin < count:
            end = covered_at[fall] if fall < falls else count - 1  # the gain holds for the steps from begin to end
            margins[i] = max(margins[i], gain - step_gains[end])
            if first[i] == count and _beats(gain, own[document], order[i], step_gains, step_own, step_order, end):
                # The steps' keys fall: the first that is beaten is found by halving.
                low, high = begin, end
                while low < high:
                    middle = (low + high) // 2
                    if _beats(gain, own[document], order[i], step_gains, step_own, step_order, middle):
                        high = middle
                    else:
                        low = middle + 1
                first[i], gains[i] = low, gain
            while fall < falls and covered_at[fall] == end:
                gain -= worth[fall]
                fall += 1
            begin = end + 1
    return first, gains, margins


@compiled
def _beats(
    gain: int, own: int, order: int, step_gains: np.ndarray, step_own: np.ndarray, step_order: np.ndarray, step: int
) -> bool:
    """Whether a key comes before a step's: larger gain, then larger own weight, then smaller id."""
    if gain != step_gains[step]:
        return bool(gain > step_gains[step])
    if own != step_own[step]:
        return bool(own > step_own[step])
    return bool(order < step_order[step])
