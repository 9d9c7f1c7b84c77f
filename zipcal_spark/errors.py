"""The errors of zipcal-spark: each says in a sentence what is wrong and what to do."""


class ZipcalError(Exception):
    """Base of all errors of this package; the run failed (exit status 1)."""

    exit_status = 1


class InputError(ZipcalError):
    """The usage or the input is at fault, and nothing was written (exit status 2)."""

    exit_status = 2


class JavaNotFound(ZipcalError):
    """No Java 17 or newer is here, and none could be fetched (exit status 1)."""


class RunFailed(ZipcalError):
    """Spark failed in the middle of a run; nothing was written (exit status 1)."""
