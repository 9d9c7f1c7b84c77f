"""Where names stand in a list of names."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from zipcal_spark.coverage.positions import Positions, numbered

# Names that share their low bits meet in the table.
_names = st.integers(-(2**63), 2**63 - 1) | st.integers(-4, 4).map(lambda number: number << 58) | st.integers(-40, 40)


@settings(deadline=None)
@given(st.lists(_names, unique=True, max_size=200), st.lists(_names, max_size=50))
def test_each_name_is_found_where_it_stands_and_no_other(names, others):
    asked = names + others
    place = {name: number for number, name in enumerate(names)}
    found = Positions(np.array(names, np.int64)).of(np.array(asked, np.int64))
    assert found.tolist() == [place.get(name, -1) for name in asked]


@settings(deadline=None)
@given(st.lists(_names, max_size=300))
def test_names_are_numbered_in_the_order_of_their_first_appearance(names):
    numbers, distinct = numbered(np.array(names, np.int64))
    assert distinct.tolist() == list(dict.fromkeys(names))
    assert distinct[numbers].tolist() == names


def test_more_names_than_the_first_table_holds_are_numbered():
    names = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 50_000)
    names = np.concatenate([names, names[::-1]])
    numbers, distinct = numbered(names)
    assert len(distinct) == 50_000
    assert (distinct[numbers] == names).all()
