"""Numbers in words that fit into a picture or a line of progress."""


def count(value: float) -> str:
    """A number of images as people say it: 950, 12k, 1.25M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * size:
            return _minus(f"{value / size:.3g}{unit}")
    return _minus(f"{value:.3g}")


def number(value: float) -> str:
    """A value in three digits: 0.693, −12.3, 1.2e−05, 34.5k."""
    return count(value) if abs(value) >= 999.5 else _minus(f"{value:.3g}")


def duration(seconds: float) -> str:
    """A time as people say it: 42 s, 12 min, 3.5 h."""
    for size, unit in ((3600, "h"), (60, "min")):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def clock(seconds: float) -> str:
    """A time as a clock shows it: 0:42, 12:05, 3:30:00."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")
