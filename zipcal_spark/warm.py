"""What a run needs first, loaded while it waits for something else. (Compiled loops load on their first call.)"""

from __future__ import annotations


def load_for_driver() -> None:
    """Import the road and load the driver's loops."""
    import numpy as np

    import zipcal_spark.pipeline  # noqa: F401
    from zipcal_spark.coverage.greedy import run_greedy, transposed

    offsets, one = np.array([0, 1]), np.zeros(1, np.int64)
    owner_offsets, owners = transposed(offsets, one, 1)
    run_greedy(1, offsets, one, one.copy(), owner_offsets, owners, one.copy(), np.zeros(1, bool))
