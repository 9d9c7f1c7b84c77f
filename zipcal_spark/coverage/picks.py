"""What has been selected so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from zipcal_spark.coverage.candidates import Candidates, Id


@dataclass(frozen=True)
class Pick:
    """A selected document.

    Attributes
    ----------
    id : str or int
    units, distinct_terms : int
        Window length and number of distinct terms in the window.
    gain : int
        What it added to what its layer covered, in units of 2**-30.
    coverage : int
        f of all documents up to this one, in units of 2**-30.
    layer : int
        1, 2, ...: how often the covered set has started afresh, plus 1.
    new_terms : ndarray of int64
        Names of the terms it covered first in its layer.
    """

    id: Id
    units: int
    distinct_terms: int
    gain: int
    coverage: int
    layer: int
    new_terms: np.ndarray


@dataclass
class Picks:
    """The documents selected so far, in the order of the greedy.

    Attributes
    ----------
    picks : list of Pick
    layer : int
        The present layer.
    rounds : int
        How often it took all documents to prove them.
    """

    picks: list[Pick] = field(default_factory=list)
    layer: int = 1
    rounds: int = 0

    def __len__(self) -> int:
        return len(self.picks)

    @property
    def coverage(self) -> int:
        """f of all picks, in units of 2**-30."""
        return self.picks[-1].coverage if self.picks else 0

    @property
    def ids(self) -> list[Id]:
        """Ids of all picks, in order."""
        return [pick.id for pick in self.picks]

    def covered(self, layer: int | None = None) -> np.ndarray:
        """Names of the terms of weight above 0 that a layer, the present one, covers; int64, ascending."""
        layer = layer or self.layer
        new = [pick.new_terms for pick in self.picks if pick.layer == layer]
        return np.sort(np.concatenate(new)) if new else np.empty(0, np.int64)

    def add(self, candidates: Candidates, position: int, gain: int, new_terms: np.ndarray) -> None:
        """Add a candidate. In the first layer its gain is what it adds to f; later layers cover nothing new."""
        self.picks.append(
            Pick(
                id=candidates.ids[position].as_py(),
                units=int(candidates.units[position]),
                distinct_terms=int(candidates.distinct[position]),
                gain=gain,
                coverage=self.coverage + (gain if self.layer == 1 else 0),
                layer=self.layer,
                new_terms=new_terms,
            )
        )

    def add_without_gain(self, rows: pa.Table) -> None:
        """Add documents of rows of `candidate_schema` that nothing can be gained from, by id, as a last layer."""
        layer = self.picks[-1].layer + 1 if self.picks else 1
        for row in rows.sort_by("id").select(["id", "units", "distinct"]).to_pylist():
            nothing = np.empty(0, np.int64)
            self.picks.append(Pick(row["id"], row["units"], row["distinct"], 0, self.coverage, layer, nothing))
