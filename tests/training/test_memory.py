"""Freed memory is kept where the C library can be told so."""

import platform
import subprocess
import sys

import pytest

from visavis.training.memory import keep_freed_memory

GLIBC = platform.libc_ver()[0] == "glibc"
FAULTS = """
import resource, sys
from visavis.training.memory import keep_freed_memory
assert keep_freed_memory(sys.argv[1] == "kept")
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    before = faults()
    bytearray(b"x") * 2**26  # 64 MiB, more than glibc keeps by itself
    return faults() - before
work()
print(work())
"""


def faults(how: str) -> int:
    """Page faults of a block that was allocated and freed before, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not GLIBC, reason="the C library is not glibc")
def test_a_block_that_was_freed_costs_no_page_faults_again() -> None:
    usual = faults("given back")
    assert usual > 30  # huge pages: 32 of them; else 16,384
    assert faults("kept") < usual / 4


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert not keep_freed_memory()
