"""What became of all that a source holds: how much is used, what is left out and why, what was resized."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

_KINDS = {1: "grey", 3: "RGB", 4: "RGBA"}
_QUIET = (".txt", ".md", ".json", ".jsonl", ".csv", ".tsv", ".xml", ".yaml", ".yml", ".html", ".log", ".db")
"""Endings of files that lie beside pictures and that nobody takes for one."""


@dataclass(frozen=True)
class LeftOut:
    """Images, or files that may be images, which are not used."""

    why: str
    count: int
    example: str
    doubtful: bool = True
    """Whether somebody may have wanted them."""


@dataclass(frozen=True)
class Account:
    """What was found at a source and what is used of it."""

    used: int
    left_out: tuple[LeftOut, ...]
    formats: Mapping[str, int]
    """Format of the files, or type of the array -> how many images."""
    stored: tuple[tuple[int, int], ...]
    """Width and height as stored: of all, or of the smallest and the largest."""
    size: tuple[int, int] | None
    """Width and height as used; None: each as it is stored."""
    channels: int
    notes: tuple[str, ...] = ()
    """What was decided about the values: their range, their layout, labels that are not used."""

    @property
    def found(self) -> int:
        """All that there is: used and left out."""
        return self.used + sum(part.count for part in self.left_out)

    @property
    def resized(self) -> bool:
        """Whether any image has another size than its file."""
        return self.size is not None and any(size != self.size for size in self.stored)

    @property
    def wanted(self) -> tuple[LeftOut, ...]:
        """What is left out and may have been wanted."""
        return tuple(part for part in self.left_out if part.doubtful)

    def as_json(self) -> dict[str, Any]:
        """The account as a record holds it."""
        stored = [_side(size) for size in self.stored]
        return {
            "found": self.found,
            "used": self.used,
            "left_out": [{"why": p.why, "images": p.count, "example": p.example} for p in self.left_out],
            "formats": dict(self.formats),
            "stored": stored,
            "size": " to ".join(stored) if self.size is None else _side(self.size),
            "resized": self.resized,
            "channels": self.channels,
            "notes": list(self.notes),
        }

    def line(self) -> str:
        """All of it in one line."""
        return in_a_line(self.as_json())

    def sizes(self) -> str:
        """``64x64 resized to 16x16``, or ``16x16``."""
        stored = " to ".join(_side(size) for size in self.stored)
        if self.size is None:
            return stored
        return f"{stored} resized to {_side(self.size)}" if self.resized else _side(self.size)


def in_a_line(told: Mapping[str, Any]) -> str:
    """An account, as a record holds it, in one line."""
    formats, used = told["formats"], told["used"]
    kinds = ", ".join(kind if len(formats) == 1 else f"{count:,} {kind}" for kind, count in formats.items())
    stored, size, channels = " to ".join(told["stored"]), told["size"], told["channels"]
    parts = [
        f"{used:,} of {told['found']:,} images" + (f" ({kinds})" if kinds else ""),
        f"{stored} resized to {size}" if told["resized"] else size,
        _KINDS.get(channels, f"{channels} channels"),
    ]
    left = [LeftOut(p["why"], p["images"], p["example"]) for p in told["left_out"]]
    return "; ".join([", ".join(parts), *told["notes"], *([listed(left)] if left else [])])


def listed(parts: Iterable[LeftOut]) -> str:
    """``left out: 20 '.heic' files (as 'a.heic'), 3 broken (as 'b.png')``."""
    told = [f"{p.count:,} {p.why}" + (f" (as '{p.example}')" if p.example else "") for p in parts]
    return f"left out: {', '.join(told)}"


def left_out(files: Mapping[str, str]) -> tuple[LeftOut, ...]:
    """File's name -> why, gathered by the reason, the most frequent first."""
    counts, examples = Counter(files.values()), dict[str, str]()
    for name, why in files.items():
        examples.setdefault(why, printable(name))
    return tuple(LeftOut(w, n, examples[w], not _is_quiet(w)) for w, n in counts.most_common())


def other_ending(suffix: str) -> str:
    """Why a file is left out that no reader is for."""
    return f"'{suffix}' files" if suffix else "files without an ending"


def _is_quiet(why: str) -> bool:
    return why in {other_ending(suffix) for suffix in _QUIET}


def printable(name: str) -> str:
    """A file's name as any terminal and JSON takes it, where it is no UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode()


def composed(name: str) -> str:
    """A name with its accents as single characters (NFC): equal however a file system stores them."""
    return unicodedata.normalize("NFC", name)


def merged(parts: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    """Of several places, one entry a reason."""
    found: dict[str, LeftOut] = {}
    for part in parts:
        before = found.get(part.why)
        found[part.why] = part if before is None else replace(before, count=before.count + part.count)
    return tuple(found.values())


def _side(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
