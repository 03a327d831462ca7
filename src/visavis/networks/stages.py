"""The stages of a pyramid of resolutions, from the shape of the data: 28 = 7·2·2, 32 = 4·2·2·2, 96 = 6·2⁴."""

from visavis.errors import UserError

BASES = (4, 5, 6, 7)
"""Sides of the coarsest stage, in pixels; what networks reach is a doubling of one of these."""


def stages_of(resolution: int) -> tuple[int, int]:
    """The side of the coarsest stage and the number of stages, each twice the side of the one before.

    ``28 -> (7, 3)``, ``32 -> (4, 4)``, ``96 -> (6, 5)``.  Raises :class:`UserError` for a resolution that is
    no doubling of 4, 5, 6 or 7, with the nearest ones that are.
    """
    for base in BASES:
        stages = 1
        while base * 2 ** (stages - 1) < resolution:
            stages += 1
        if base * 2 ** (stages - 1) == resolution:
            return base, stages
    reached = sorted(base * 2**k for base in BASES for k in range(9))
    below = max((r for r in reached if r < resolution), default=reached[0])
    above = min((r for r in reached if r > resolution), default=reached[-1])
    raise UserError(
        f"resolution {resolution} is no doubling of {', '.join(map(str, BASES))} (nearest: {below}, "
        f"{above}); give --data.resolution {above}"
    )


def stages_from(resolution: int, base: int | None) -> tuple[int, int]:
    """As :func:`stages_of`; from the side ``base`` where one is given, whatever it is.

    ``(32, 2) -> (2, 5)``.  Raises :class:`UserError` for a resolution that is no doubling of ``base``.
    """
    if base is None:
        return stages_of(resolution)
    times = resolution // base
    if times * base != resolution or times & (times - 1):
        raise UserError(
            f"resolution {resolution} is no doubling of the base {base}; give --networks.….base none, "
            f"or --data.resolution {base * 2 ** max(times, 1).bit_length()}"
        )
    return base, times.bit_length()


def widths_of(width: int, stages: int, most: int) -> tuple[int, ...]:
    """Channels per stage, the coarsest first: ``width`` at the finest, doubled downward, at most ``most``.

    ``(16, 4, 128) -> (128, 64, 32, 16)``.
    """
    return tuple(min(width * 2**k, most) for k in reversed(range(stages)))
