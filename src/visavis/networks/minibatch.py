"""A discriminator that sees how much the images of a batch differ, so that G cannot repeat itself unnoticed.

The batch is that of all processes.  D's score of an image then depends on the images beside it: real and
generated ones must not share a batch (``--objective.joint false``).
"""

import torch
from torch import Tensor, nn

from visavis.training import parallel

EPS = 1e-8


class MinibatchStddev(nn.Module):
    """One more channel: the batch's standard deviation of each value, averaged over all values.

    Karras et al. 2018, section 3.  Images that are all alike give 0.
    """

    def forward(self, x: Tensor) -> Tensor:
        """``[N, C, …] -> [N, C + 1, …]``."""
        wide = x.float()
        centred = wide - parallel.mean(wide.mean(0))
        var = parallel.mean(centred.square().mean(0))
        spread = ((var + EPS).sqrt() - EPS**0.5).mean()  # the root's slope stays finite at 0
        return torch.cat([x, spread.to(x.dtype).expand(x.shape[0], 1, *x.shape[2:])], dim=1)


class MinibatchDiscrimination(nn.Module):
    """``kernels`` more features: how near the other images are, in learned directions (Salimans et al. 2016,
    section 3.2).

    With M_i = T·f(x_i) of ``kernels`` rows of ``depth`` numbers, feature b of image i is the sum over the
    batch's images j of exp(-‖M_ib - M_jb‖₁).
    """

    def __init__(self, features: int, kernels: int = 32, depth: int = 8) -> None:
        super().__init__()
        self.kernels = kernels
        self.directions = nn.Linear(features, kernels * depth, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, F] -> [N, F + kernels]``."""
        mine: Tensor = self.directions(x).float().unflatten(1, (self.kernels, -1))  # [N, B, C]
        apart = (mine[:, None] - parallel.gather(mine)[None]).abs().sum(3)  # [N, all, B]
        return torch.cat([x, (-apart).exp().sum(1).to(x.dtype)], dim=1)
