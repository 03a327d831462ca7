"""What the processor takes, where the machine tells: Linux's powercap counters (RAPL)."""

from pathlib import Path

ZONES = Path("/sys/class/powercap")


class Meter:
    """Counts joules of all processor packages together, whatever runs on them."""

    def __init__(self, zones: Path = ZONES) -> None:
        found = zones.glob("*-rapl:*") if zones.is_dir() else ()
        self._packages = [zone for zone in sorted(found) if zone.name.count(":") == 1]
        self._last = self._read()

    def joules(self) -> float | None:
        """Joules since the call before, or since the beginning; None where the counters cannot be read."""
        before, self._last = self._last, self._read()
        if not before or before.keys() != self._last.keys():
            return None
        used = 0
        for zone, now in self._last.items():
            gone = now - before[zone]
            if gone < 0:  # the counter began again
                gone += _number(zone / "max_energy_range_uj") or 0
            used += max(gone, 0)
        return used / 1e6

    def _read(self) -> dict[Path, int]:
        counts = {zone: _number(zone / "energy_uj") for zone in self._packages}
        return {zone: count for zone, count in counts.items() if count is not None}


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # by default only root may read
        return None
