"""Loops that are compiled: what NumPy would do in many passes over memory is done in one. Numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile a function on its first call; the machine code is kept on disk, if there is a place for it."""
    try:
        return cast("F", numba.njit(cache=True)(function))
    except RuntimeError:  # neither the package's folder nor the user's can be written
        return cast("F", numba.njit(function))


def words_of(data: np.ndarray) -> np.ndarray:
    """The eight bytes from each byte on, as little-endian numbers; uint64, not copied, not to be written."""
    return np.lib.stride_tricks.as_strided(data[:8].view("<u8"), (len(data) - 7,), (1,), writeable=False)
