"""The program, as benchmarks call it."""

import json
import subprocess
import sys
from typing import Any


def visavis(*words: object) -> dict[str, Any]:
    """A command's result; RuntimeError with its last line where it fails."""
    command = [sys.executable, "-m", "visavis", *map(str, words), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    found: dict[str, Any] = json.loads(done.stdout)
    return found
