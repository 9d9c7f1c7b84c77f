"""What people read is true to the report."""

from __future__ import annotations

import pytest

from zipcal_spark.terminal import _at_least, printable


@pytest.mark.parametrize(
    ("fraction", "shown"), [(1.0, "100.0%"), (0.9996, "99.9%"), (0.71699, "71.6%"), (0.5, "50.0%"), (0.0, "0.0%")]
)
def test_a_proven_fraction_is_never_rounded_up(fraction, shown):
    assert _at_least(fraction) == shown


def test_what_a_terminal_would_obey_is_replaced():
    assert (
        printable("a\x1b[31mb\u202ec\n")
        == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}"
    )
