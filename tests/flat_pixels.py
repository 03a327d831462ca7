"""An extractor of one's own, by file: the pixels themselves, four by four."""

from torch import Tensor
from torch.nn.functional import avg_pool2d


def pixels(x: Tensor) -> Tensor:
    """``[n, 3, 8, 8]`` in [-1, 1] -> ``[n, 16]``."""
    return avg_pool2d(x, 2)[:, 0].flatten(1)
