"""``python -m visavis``, the form that torchrun takes."""

import os
import sys

from visavis.cli.main import main


def run() -> None:
    """Run the command; one of several processes leaves without Python's teardown.

    There gloo's threads now and then abort a process that is done, and torchrun takes that for a failure.
    """
    try:
        main()
    except SystemExit as end:
        if "WORLD_SIZE" not in os.environ:
            raise
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))


if __name__ == "__main__":
    run()
