"""zipcal-spark: pick the documents that cover the most vocabulary, on a data lake, exactly.

>>> from zipcal_spark import ZipCal
>>> ZipCal(k=128).select(df).selection
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zipcal_spark.errors import InputError, ZipcalError

if TYPE_CHECKING:
    from zipcal_spark.pipeline import ZipCal
    from zipcal_spark.report import Report
    from zipcal_spark.result import ZipCalResult

__version__ = "0.1.0"
__all__ = ["InputError", "Report", "ZipCal", "ZipCalResult", "ZipcalError", "__version__"]

_PLACES = {"ZipCal": "pipeline", "ZipCalResult": "result", "Report": "report"}


def __getattr__(name: str) -> Any:
    """Import on first use what needs pyspark, so that `zipcal --help` need not wait for it."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
