"""What covering a term is worth, as an integer: sums of integers do not depend on their order."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

SCALE = 1 << 30
"""A weight w is the integer round(w * SCALE), half to even (design, "The selection is exact")."""


def _uniform(tf: int, df: int, documents: int) -> float:
    return 1.0


def _rarity(tf: int, df: int, documents: int) -> float:
    return 1.0 / tf


def _idf(tf: int, df: int, documents: int) -> float:
    return math.log(documents / df)


WEIGHTS: dict[str, Callable[[int, int, int], float]] = {"uniform": _uniform, "rarity": _rarity, "idf": _idf}
"""The weight of a term of term frequency tf and document frequency df among so many documents."""


def term_weights(name: str, tf: np.ndarray, df: np.ndarray, documents: int, min_doc_freq: int) -> np.ndarray:
    """Fixed-point weights of terms; 0 for those with a document frequency below `min_doc_freq`.

    Each distinct frequency is computed once, by Python's own arithmetic: NumPy's logarithm differs in the last bit
    from one processor to another.

    Parameters
    ----------
    name : str
        A key of `WEIGHTS`.
    tf, df : ndarray of int64, shape (v,)
    documents : int
        Number of documents, N.
    min_doc_freq : int

    Returns
    -------
    ndarray of int64, shape (v,), in units of 1 / SCALE
    """
    frequency = tf if name == "rarity" else df
    distinct, inverse = np.unique(frequency, return_inverse=True)
    values = [round(WEIGHTS[name](int(value), int(value), documents) * SCALE) for value in distinct]
    return np.where(df >= min_doc_freq, np.array(values, np.int64)[inverse], 0)
