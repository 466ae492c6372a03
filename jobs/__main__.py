"""`python -m jobs`: the scheduler, and one command for everything else."""

import sys

from jobs.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
