"""How a run is evaluated while it trains."""

from pydantic import PositiveInt, model_validator

from visavis.core import Config


class Watch(Config):
    """Evaluation during training.

    ``every``: images between two evaluations (None: none) of ``samples`` images.  ``metric``: the figure by
    which a snapshot is the best, kept as ``best.safetensors`` (empty: the task's own; ``quality``, which is
    taken only where it is asked for, needs held-out images).  ``patience``: so many evaluations without a
    better one end the run (None: never).  ``stop_on_decline``: end it at a decline too.
    """

    every: PositiveInt | None = None
    samples: PositiveInt = 2_000
    metric: str = ""
    patience: PositiveInt | None = None
    stop_on_decline: bool = False

    @model_validator(mode="after")
    def _counts_something(self) -> "Watch":
        if self.every is None and (self.patience is not None or self.stop_on_decline):
            raise ValueError("patience and stop_on_decline need evaluations; give --watch.every too")
        return self
