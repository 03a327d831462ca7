"""The command line.  Each command imports what it needs when it runs, so ``visavis --help`` imports no torch.

Results go to stdout (JSON with ``--json``), progress and errors to stderr.  Exit status: 0, or 2 with one
line for a user's mistake, 130 when interrupted, 1 when training diverged or another process died.
"""

import logging
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from visavis.cli import commands
from visavis.cli.arguments import Parser, make_parser, take_fields
from visavis.cli.output import fit_streams
from visavis.errors import UserError, unknown
from visavis.files import reason


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of ``visavis``; exits with the status."""
    fit_streams()
    handler = logging.StreamHandler()  # notes go to stderr beside the progress
    handler.setFormatter(logging.Formatter("visavis: %(message)s"))
    log = logging.getLogger("visavis")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    sys.exit(_guarded(list(sys.argv[1:] if arguments is None else arguments)))


def _guarded(arguments: list[str]) -> int:
    try:
        try:
            return run_command(arguments)
        finally:
            sys.stdout.flush()  # here, where a closed pipe is no error
    except UserError as error:
        _complain(str(error))
        return 2
    except KeyboardInterrupt:
        if commands.leads():
            _complain("interrupted; run the same command again to go on")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.filename is None:
            raise
        why, mend = reason(error)
        name = str(error.filename)
        _complain(f"cannot use '{name if len(name) <= 200 else name[:40] + '…'}': {why}; {mend}")
        return 2
    except (RuntimeError, MemoryError) as error:
        line = _explain(error, "train" in arguments)
        if line is None:
            raise
        _complain(line)
        return 1


def _complain(text: str) -> None:
    print(f"visavis: {' '.join(text.split())}", file=sys.stderr)


def _explain(error: Exception, trains: bool) -> str | None:
    """One line for failures that are no bug of ours: divergence, no memory, the death of another process."""
    from torch import OutOfMemoryError

    from visavis.training import parallel
    from visavis.training.loop import Diverged

    if isinstance(error, MemoryError | OutOfMemoryError) or "DefaultCPUAllocator" in str(error):
        mend = "give a smaller --batch-size, smaller networks" if trains else "give fewer or smaller images"
        return f"out of memory; {mend}, or --device cpu"
    if isinstance(error, Diverged):
        return (
            f"training diverged: {error}; "
            "lower the rate (--lr), or raise the penalties (--objective.r1, r2) of a game that has them; "
            "and give another --out"
        )
    if parallel.launched() and re.search(r"gloo|nccl|peer|connection|timed? ?out", str(error), re.IGNORECASE):
        why = str(error).splitlines()[0][:120]
        return f"another process is gone ({why}); run the same command again to resume"
    return None


def _refuse(words: Sequence[str], parser: Parser) -> NoReturn:
    """Say what is wrong with words that the command does not take."""
    option = next((word.partition("=")[0] for word in words if word.startswith("-")), None)
    if option is None:
        parser.error(f"unrecognized arguments: {' '.join(words)}")
    raise unknown("option", option, parser.option_names(), f"see: {parser.prog} --help")


def run_command(arguments: list[str]) -> int:
    """Parse and run one command."""
    parser, parsers = make_parser()
    command = next((word for word in arguments if not word.startswith("-")), None)
    if command is not None and command not in parsers:
        raise unknown("command", command, parsers)
    changes: dict[str, str | None] = {}
    if command == "train":
        arguments, changes = take_fields(arguments, parsers["train"])
    given, rest = parser.parse_known_args(arguments)
    if rest:
        _refuse(rest, parser if given.command is None else parsers[given.command])
    if given.command is None:
        parser.print_help()
        return 0
    given.changes, given.options = changes, parsers[given.command].option_names()
    status: int | None = given.run_it(given)
    return status or 0
