"""A worker that counts nothing, to tell the cost of counting: `python -m benchmarks.costs.uncounted_worker`."""

import sys

from worker.__main__ import main

if __name__ == "__main__":
    sys.exit(main(counting=False))
