"""The errors of zipcal-spark: each says in a sentence what is wrong and what to do."""

import re


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


# The last line of a traceback.
_PYTHON_ERROR = re.compile(r"^Traceback .*?\n((?![ \n])[\w.]+(?::[^\n]*)?)$", re.MULTILINE | re.DOTALL)


def cause_of(error: Exception) -> str:
    """What is behind an error of Spark, in a line: the first cause that says something, and the innermost."""
    java = getattr(error, "java_exception", None)
    messages = [] if java is not None else [str(error)]
    while java is not None:
        messages.append(str(java.getMessage() or ""))
        java = java.getCause()
    for message in messages:
        if found := _PYTHON_ERROR.findall(message):
            return f"a Python worker failed: {found[-1].rstrip('.')}"
    lines = [message.strip().splitlines()[0].rstrip(".") for message in messages if message.strip()]
    lines = [line for line in lines if not line.startswith("Job aborted")] or lines or [type(error).__name__]
    return lines[0] if lines[-1] in lines[0] else f"{lines[0]}: {lines[-1]}"
