"""Freed memory is kept where the C library can be told so."""

import platform
import resource

import pytest
import torch

from visavis.memory import keep_freed_memory

GLIBC = platform.libc_ver()[0] == "glibc"


def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


@pytest.mark.skipif(not GLIBC, reason="the C library is not glibc")
def test_a_block_that_was_freed_costs_no_page_faults_again() -> None:
    def work() -> int:
        before = faults()
        torch.ones(16 * 2**20)  # 64 MiB, more than glibc would keep
        return faults() - before

    try:
        assert keep_freed_memory()
        work()
        kept = work()
        assert keep_freed_memory(False)
        work()
        usual = work()
    finally:
        keep_freed_memory(False)
    assert usual > 30  # huge pages: 32 of them; else 16,384
    assert kept < usual / 4


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert not keep_freed_memory()
