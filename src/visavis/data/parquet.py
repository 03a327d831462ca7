"""Parquet files in the hub's layout: ``…/train-00000-of-00002.parquet``, or ``train/0000.parquet``."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

from visavis.data import cache
from visavis.data.folder import SPLITS
from visavis.data.found import Found, Splits
from visavis.data.table import Features, read_table
from visavis.errors import UserError

_SHARD = re.compile(r"(?P<split>.+?)-\d{5}-of-(?P<shards>\d{5})")
_PREFIX = re.compile(rf"(?P<split>{'|'.join(sorted(SPLITS, key=len, reverse=True))})(?![a-z])")
_DEPTH = 3  # how far below the given folder the files may lie


def parquet_files(path: Path) -> list[Path]:
    """The visible parquet files at or below ``path``, in order."""
    if path.is_file():
        return [path] if path.suffix == ".parquet" else []
    found = [file for depth in range(_DEPTH) for file in path.glob("*/" * depth + "*.parquet")]
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
    if path.is_dir():
        _check_folder(path, splits)
    return {split: partial(_read, parts, mapped_above) for split, parts in splits.items()}


def _split_of(file: Path) -> str:
    match = _SHARD.match(file.stem) or _PREFIX.match(file.stem)
    if match:
        return match["split"]
    return file.parent.name if file.parent.name in SPLITS else "train"


def _check_folder(path: Path, splits: dict[str, list[Path]]) -> None:
    parents = {file.parent for files in splits.values() for file in files}
    sets = sorted(
        {str((p.parent if p.name in SPLITS else p).relative_to(path)) for p in parents if p != path}
    )
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


def _read(files: list[Path], mapped_above: int) -> Found:
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
    return read_table(table, _features(table), source)


def _in_memory(files: list[Path]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pa.concat_tables([pq.ParquetFile(file).read() for file in files])


def _mapped(files: list[Path]) -> Any:
    from datasets import Dataset

    paths: Any = [str(file) for file in files]
    return Dataset.from_parquet(paths, cache_dir=str(cache.root() / "arrow")).with_format("arrow")[:]


def _features(table: Any) -> Features:
    """The hub's description of the columns, from the schema's metadata; empty where there is none."""
    try:
        described = json.loads((table.schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in described.items() if isinstance(feature, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}
