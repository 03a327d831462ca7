"""visavis: train, judge and deploy image generators, with the pairwise discriminator at the centre.

>>> import visavis
>>> model = visavis.load("runs/mnist")                   # doctest: +SKIP
>>> model.sample(16, seed=0)[0].save("digit.png")         # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from visavis.api import evaluate as evaluate
    from visavis.api import statistics as statistics
    from visavis.api import train as train
    from visavis.api import verify as verify
    from visavis.errors import UserError as UserError
    from visavis.models.load import load as load
    from visavis.models.model import Model as Model

_WHERE = {
    "load": "models.load",
    "Model": "models.model",
    "train": "api",
    "evaluate": "api",
    "statistics": "api",
    "verify": "api",
    "UserError": "errors",
}

__all__ = ["Model", "UserError", "__version__", "evaluate", "load", "statistics", "train", "verify"]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for, so that ``import visavis`` imports no torch."""
    if name not in _WHERE:
        raise AttributeError(f"module 'visavis' has no attribute '{name}'")
    return getattr(import_module(f"visavis.{_WHERE[name]}"), name)
