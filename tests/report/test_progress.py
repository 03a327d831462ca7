import io

from visavis.report.progress import TrainingProgress


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


SCALARS = {"images_per_second": 431.0, "loss/D": 0.65, "loss/G": 0.7123, "lr/G": 1e-4}


def test_plain_lines_every_15_seconds() -> None:
    stream, now = io.StringIO(), Clock()
    with TrainingProgress(4000, stream=stream, now=now) as progress:
        for i in range(1, 5):
            now.time = 10.0 * i
            progress.update(1000 * i, SCALARS)
    assert stream.getvalue().splitlines() == [
        " 25%  1k/4k images  431/s  D 0.65  G 0.712  0:10, 0:30 left",
        " 75%  3k/4k images  431/s  D 0.65  G 0.712  0:30, 0:10 left",
        "100%  4k/4k images  431/s  D 0.65  G 0.712  0:40, 0:00 left",
    ]


def test_resumed_and_limited_by_time() -> None:
    stream, now = io.StringIO(), Clock()
    with TrainingProgress(
        None, 100.0, stream=stream, now=now, start_images=500, start_seconds=50.0
    ) as progress:
        now.time = 10.0
        progress.update(600, {})
        progress.say("saved")
    assert stream.getvalue().splitlines() == [" 60%  600 images  10/s  1:00, 0:40 left", "saved"]


def test_quiet_and_no_limits() -> None:
    stream = io.StringIO()
    with TrainingProgress(quiet=True, stream=stream) as progress:
        progress.update(10, SCALARS)
        progress.say("nothing")
    assert stream.getvalue() == ""
    with TrainingProgress(stream=stream) as progress:
        progress.update(0, {"loss/G": float("nan")})
    assert (
        "0 images" in stream.getvalue() and "G nan" in stream.getvalue() and "left" not in stream.getvalue()
    )


def test_a_bar_on_a_terminal() -> None:
    stream = Terminal()
    with TrainingProgress(1000, stream=stream) as progress:
        progress.update(500, SCALARS)
        progress.say("kept the [last] one")
        progress.update(1000, SCALARS)
    shown = stream.getvalue()
    assert "kept the [last] one" in shown and "D 0.65" in shown and "1k/1k images" in shown
