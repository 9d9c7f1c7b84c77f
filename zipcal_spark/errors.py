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


def cause_of(error: Exception) -> str:
    """What is at the bottom of an error, in a line."""
    java = getattr(error, "java_exception", None)
    while java is not None and java.getCause() is not None:
        java = java.getCause()
    message = str(java.getMessage() if java is not None else error).strip()
    return f"{type(error).__name__}: {(message.splitlines() or [''])[0].rstrip('.')}"
