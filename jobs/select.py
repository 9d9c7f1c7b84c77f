"""`zipcal select` for spark-submit, with the same options: spark-submit jobs/select.py --input PATH --output OUT."""

import sys
from pathlib import Path

# The folder of this file must not come before Python's own modules: one of them is called `select`.
sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).resolve().parent]

from zipcal_spark.cli import main  # noqa: E402

if __name__ == "__main__" and (status := main(["select", *sys.argv[1:]])):
    sys.exit(status)  # on success it returns: some platforms take any exit for a failure
