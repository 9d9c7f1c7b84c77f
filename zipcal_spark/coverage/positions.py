"""Where names of terms stand in a list of names: a hash table in compiled loops. NumPy only."""

from __future__ import annotations

import numpy as np

from zipcal_spark.compiled import compiled


class Positions:
    """The positions of names.

    Parameters
    ----------
    names : ndarray of int64, shape (n,)
        Distinct; hashes, as `terms.hash_terms` gives them, so that their own bits spread them over the table.
    """

    def __init__(self, names: np.ndarray) -> None:
        size = 1 << max(4, 2 * len(names) - 1).bit_length()
        self._names, self._places = np.zeros(size, np.int64), np.full(size, -1, np.int32)
        self._marks = np.zeros(size // 8, np.uint64)  # 8 bits a row: what is not marked is not here
        _fill(np.ascontiguousarray(names), self._names, self._places, self._marks)

    def of(self, names: np.ndarray) -> np.ndarray:
        """The position of each of some names; int32, shape (m,); -1 where it is none of these."""
        found = np.empty(len(names), np.int32)
        _find(names, self._names, self._places, self._marks, found)
        return found


@compiled
def _fill(names: np.ndarray, table: np.ndarray, places: np.ndarray, marks: np.ndarray) -> None:
    last, last_mark = len(table) - 1, len(marks) - 1
    for number in range(len(names)):
        name = names[number]
        marks[(name >> 6) & last_mark] |= np.uint64(1) << np.uint64(name & 63)
        row = name & last
        while places[row] >= 0:
            row = (row + 1) & last
        table[row], places[row] = name, number


@compiled
def _find(names: np.ndarray, table: np.ndarray, places: np.ndarray, marks: np.ndarray, found: np.ndarray) -> None:
    last, last_mark = len(table) - 1, len(marks) - 1
    for number in range(len(names)):
        name = names[number]
        found[number] = -1
        if (marks[(name >> 6) & last_mark] >> np.uint64(name & 63)) & np.uint64(1):
            row = name & last
            while places[row] >= 0 and table[row] != name:
                row = (row + 1) & last
            found[number] = places[row]


def numbered(names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number names in the order of their first appearance.

    Parameters
    ----------
    names : ndarray of int64, shape (n,)
        Hashes, as for `Positions`.

    Returns
    -------
    ndarray of int64, shape (n,)
        The number of each.
    ndarray of int64, shape (m,)
        The distinct names, by number.
    """
    numbers = np.empty(len(names), np.int64)
    distinct = np.empty(len(names), np.int64)
    count = _number(names, numbers, distinct)
    return numbers, distinct[:count].copy()


@compiled
def _number(names: np.ndarray, numbers: np.ndarray, distinct: np.ndarray) -> int:
    size = 1 << 12
    places = np.full(size, -1, np.int32)
    count = 0
    for entry in range(len(names)):
        name = names[entry]
        row = name & (size - 1)
        while places[row] >= 0 and distinct[places[row]] != name:
            row = (row + 1) & (size - 1)
        if places[row] < 0:
            places[row], distinct[count] = count, name
            count += 1
        numbers[entry] = places[row]
        if 2 * count > size:  # a larger table, filled anew
            size *= 4
            places = np.full(size, -1, np.int32)
            for number in range(count):
                row = distinct[number] & (size - 1)
                while places[row] >= 0:
                    row = (row + 1) & (size - 1)
                places[row] = number
    return count
