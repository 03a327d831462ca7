"""Parquet files in the hub's layout: ``…/train-00000-of-00002.parquet``, or ``train/0000.parquet``."""

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from visavis.data import cache
from visavis.data.account import LeftOut, printable
from visavis.data.found import PARTS, Found, Splits, part_of
from visavis.data.table import Features, read_table
from visavis.data.tree import walk
from visavis.errors import UserError

_SHARD = re.compile(r"(?P<split>.+?)-\d{5}-of-(?P<shards>\d{5})")
_PREFIX = re.compile(rf"(?P<split>{'|'.join(sorted(PARTS, key=len, reverse=True))})(?![a-z])", re.IGNORECASE)
_ABOUT = "metadata.parquet"
"""What the hub's folders of pictures have beside them: it describes pictures and holds none."""
_DEPTH = 3  # how far below the given folder the files may lie


def parquet_files(path: Path) -> list[Path]:
    """The visible parquet files at or below ``path`` that may hold images, in order."""
    if path.is_file():
        return [path] if path.suffix.lower() == ".parquet" else []
    every = [file for depth in range(_DEPTH) for file in path.glob("*/" * depth + "*")]
    found = [file for file in every if file.suffix.lower() == ".parquet" and file.name != _ABOUT]
    return sorted(file for file in found if not any(part[0] == "." for part in file.relative_to(path).parts))


def open_parquet(path: Path, mapped_above: int) -> Splits:
    """The splits of a parquet file or folder; files are told apart by the beginning of their names.

    A split of more than ``mapped_above`` bytes is memory-mapped through ``datasets`` instead of read.
    Raises :class:`UserError` for several sets in one folder and for missing parts.
    """
    files = parquet_files(path)
    splits: dict[str, list[Path]] = {}
    for file in files:
        splits.setdefault(_split_of(file), []).append(file)
    beside: tuple[LeftOut, ...] = ()
    if path.is_dir():
        _check_folder(path, splits)
        beside = _beside(path)
    return {split: partial(_read, parts, mapped_above, beside) for split, parts in splits.items()}


def _beside(path: Path) -> tuple[LeftOut, ...]:
    """Pictures that lie beside parquet files, which are not read."""
    tree = walk(path)
    if not tree.pictures:
        return ()
    return (
        LeftOut(
            "pictures beside the parquet files", len(tree.pictures), printable("/".join(tree.pictures[0]))
        ),
    )


def _split_of(file: Path) -> str:
    match = _SHARD.match(file.stem) or _PREFIX.match(file.stem)
    split = match["split"] if match else file.parent.name
    return part_of(split) or (split if match else "train")


def _check_folder(path: Path, splits: dict[str, list[Path]]) -> None:
    parents = {file.parent for files in splits.values() for file in files}
    sets = sorted({str((p.parent if part_of(p.name) else p).relative_to(path)) for p in parents if p != path})
    if len(sets) > 1:
        raise UserError(
            f"several sets in '{path}' (allowed: one of {', '.join(sets)}); give that folder as --data"
        )
    for split, files in splits.items():
        match = _SHARD.match(files[0].stem)
        if match and len(files) != int(match["shards"]):
            raise UserError(
                f"split '{split}' of '{path}' has {len(files)} of {int(match['shards'])} files "
                "(allowed: all of them); fetch the missing ones, or give one file as --data"
            )


def _read(files: list[Path], mapped_above: int, beside: tuple[LeftOut, ...]) -> Found:
    import pyarrow as pa

    source = files[0].name if len(files) == 1 else f"{files[0].name} and {len(files) - 1} more"
    try:
        if sum(file.stat().st_size for file in files) > mapped_above:
            table = _mapped(files)
        else:
            table = _in_memory(files)
    except (pa.ArrowException, OSError) as error:
        why = " ".join(str(error).split())
        raise UserError(f"cannot read parquet '{source}': {why}; fetch it again") from error
    return replace(read_table(table, _features(table), source), left_out=beside)


def _in_memory(files: list[Path]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pa.concat_tables([pq.ParquetFile(file).read() for file in files])


def _mapped(files: list[Path]) -> Any:
    from datasets import Dataset

    paths: Any = [str(file) for file in files]
    root = cache.root()
    folder = None if root is None else str(root / "arrow")
    return Dataset.from_parquet(paths, cache_dir=folder).with_format("arrow")[:]


def _features(table: Any) -> Features:
    """The hub's description of the columns, from the schema's metadata; empty where there is none."""
    try:
        described = json.loads((table.schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in described.items() if isinstance(feature, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
