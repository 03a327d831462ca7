"""A set of the Hugging Face hub, by name, through ``datasets`` and its cache."""

import re
from functools import partial
from typing import Any

from visavis.data.found import Found, Splits, part_of
from visavis.data.table import read_table
from visavis.errors import UserError

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_PATIENCE = 10.0  # seconds for the first answer


def is_hub_name(source: str) -> bool:
    """Whether ``source`` has the form ``owner/name``."""
    return _NAME.fullmatch(source) is not None


def open_hub(name: str) -> Splits:
    """The splits of a hub set; with ``HF_HUB_OFFLINE=1``, of a copy in the cache.

    Raises :class:`UserError`, within seconds, where there is no network or no such set.
    """
    try:
        import datasets

        _ask(name)
        found = datasets.load_dataset(name)
    except Exception as error:  # the hub, its client and the network fail in many types
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"cannot load '{name}': no folder of that name, and the Hugging Face hub fails ({why}); "
            "give a local set with --data FOLDER, or HF_HUB_OFFLINE=1 for a copy that was fetched before"
        ) from error
    names = {str(split): part_of(str(split)) or str(split) for split in found}
    if len(set(names.values())) < len(names):  # two that we would call the same
        names = {split: split for split in names}
    return {names[str(split)]: partial(_read, part, f"{name} {split}") for split, part in found.items()}


def _ask(name: str) -> None:
    """Fail at once where ``load_dataset`` would try again for half a minute."""
    from huggingface_hub import HfApi
    from huggingface_hub.constants import HF_HUB_OFFLINE

    if not HF_HUB_OFFLINE:
        HfApi().dataset_info(name, timeout=_PATIENCE)


def _read(part: Any, source: str) -> Found:
    return read_table(part.with_format("arrow")[:], part.features.to_dict(), source)
