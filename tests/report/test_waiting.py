import io
import re

import pytest

from visavis.report.waiting import JudgingProgress


class Terminal(io.StringIO):
    """A stream that is one."""

    def isatty(self) -> bool:
        return True


def plain(stream: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


@pytest.fixture(autouse=True)
def _some_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")


def test_a_terminal_shows_the_step_and_how_far_it_is() -> None:
    stream = Terminal()
    with JudgingProgress(stream=stream) as steps:
        steps.begin("features of the images", 100)
        steps.advance(64)
        steps.advance(64)  # the last batch is filled up
    told = plain(stream)
    assert "features of the images" in told and "100 of 100 images" in told and "128" not in told
    assert stream.getvalue().rstrip("\n").endswith("\x1b[2K")  # and is wiped out


def test_a_step_without_a_known_number_counts() -> None:
    stream = Terminal()
    with JudgingProgress(stream=stream) as steps:
        steps.begin("features of real images")
        steps.advance(1_500)
    assert "1,500 images" in plain(stream)


@pytest.mark.parametrize("quiet", [True, False])
def test_elsewhere_and_where_nobody_asked_nothing_is_said(quiet: bool) -> None:
    stream = Terminal() if quiet else io.StringIO()
    with JudgingProgress(quiet=quiet, stream=stream) as steps:
        steps.begin("features of the images", 100)
        steps.advance(64)
    assert stream.getvalue() == ""
