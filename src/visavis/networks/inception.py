"""Inception-v3 as the Fréchet Inception distance knows it: TensorFlow's graph of 2015-12-05, in torch.

Source: Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision", arXiv 1512.00567,
figures 5 to 7 and table 1.  The 2015 graph differs: its averages leave the padding out, the pool of the last
block takes the maximum, and it has 1,008 logits.  Layers carry the names of the port to PyTorch whose weights
are in wide use, so that its file loads; the weights are not part of this program.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, relu

SIZE = 299
"""Side of the images in pixels."""
DIMS = 2048
LOGITS = 1008

Pool = Callable[[Tensor], Tensor]


def average(x: Tensor) -> Tensor:
    """The mean of 3x3 pixels around each, of those inside the image only; same shape."""
    return avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def maximum(x: Tensor) -> Tensor:
    """The maximum of 3x3 pixels around each; same shape."""
    return max_pool2d(x, 3, 1, 1)


class Conv(nn.Module):
    """Convolution, normalisation, ReLU; ``padding`` None keeps the size."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: int | tuple[int, int] = 1,
        stride: int = 1,
        padding: int | None = None,
    ) -> None:
        super().__init__()
        height, width = (size, size) if isinstance(size, int) else size
        around = (height // 2, width // 2) if padding is None else (padding, padding)
        self.conv = nn.Conv2d(inputs, outputs, (height, width), stride, around, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, H, W] -> [N, outputs, H', W']``, not negative."""
        return relu(self.bn(self.conv(x)))


class BlockA(nn.Module):
    """At 35x35: 1x1, 5x5, two of 3x3, a pool; 224 + ``pooled`` channels."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(inputs, 64)
        self.branch5x5_1 = Conv(inputs, 48)
        self.branch5x5_2 = Conv(48, 64, 5)
        self.branch3x3dbl_1 = Conv(inputs, 64)
        self.branch3x3dbl_2 = Conv(64, 96, 3)
        self.branch3x3dbl_3 = Conv(96, 96, 3)
        self.branch_pool = Conv(inputs, pooled)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, 35, 35] -> [N, 224 + pooled, 35, 35]``."""
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, three, self.branch_pool(average(x))], 1)


class BlockB(nn.Module):
    """From 35x35 to 17x17."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = Conv(inputs, 384, 3, 2, 0)
        self.branch3x3dbl_1 = Conv(inputs, 64)
        self.branch3x3dbl_2 = Conv(64, 96, 3)
        self.branch3x3dbl_3 = Conv(96, 96, 3, 2, 0)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, 35, 35] -> [N, 480 + inputs, 17, 17]``."""
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), three, max_pool2d(x, 3, 2)], 1)


class BlockC(nn.Module):
    """At 17x17: 1x1, 7x7 in two parts, twice 7x7 in two parts, a pool."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(inputs, 192)
        self.branch7x7_1 = Conv(inputs, width)
        self.branch7x7_2 = Conv(width, width, (1, 7))
        self.branch7x7_3 = Conv(width, 192, (7, 1))
        self.branch7x7dbl_1 = Conv(inputs, width)
        self.branch7x7dbl_2 = Conv(width, width, (7, 1))
        self.branch7x7dbl_3 = Conv(width, width, (1, 7))
        self.branch7x7dbl_4 = Conv(width, width, (7, 1))
        self.branch7x7dbl_5 = Conv(width, 192, (1, 7))
        self.branch_pool = Conv(inputs, 192)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, 17, 17] -> [N, 768, 17, 17]``."""
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat([self.branch1x1(x), seven, twice, self.branch_pool(average(x))], 1)


class BlockD(nn.Module):
    """From 17x17 to 8x8."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1 = Conv(inputs, 192)
        self.branch3x3_2 = Conv(192, 320, 3, 2, 0)
        self.branch7x7x3_1 = Conv(inputs, 192)
        self.branch7x7x3_2 = Conv(192, 192, (1, 7))
        self.branch7x7x3_3 = Conv(192, 192, (7, 1))
        self.branch7x7x3_4 = Conv(192, 192, 3, 2, 0)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, 17, 17] -> [N, 512 + inputs, 8, 8]``."""
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([three, seven, max_pool2d(x, 3, 2)], 1)


class BlockE(nn.Module):
    """At 8x8: 1x1, 3x3 in two halves side by side, the same after a 3x3, a pool."""

    def __init__(self, inputs: int, pool: Pool) -> None:
        super().__init__()
        self.pool = pool
        self.branch1x1 = Conv(inputs, 320)
        self.branch3x3_1 = Conv(inputs, 384)
        self.branch3x3_2a = Conv(384, 384, (1, 3))
        self.branch3x3_2b = Conv(384, 384, (3, 1))
        self.branch3x3dbl_1 = Conv(inputs, 448)
        self.branch3x3dbl_2 = Conv(448, 384, 3)
        self.branch3x3dbl_3a = Conv(384, 384, (1, 3))
        self.branch3x3dbl_3b = Conv(384, 384, (3, 1))
        self.branch_pool = Conv(inputs, 192)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, inputs, 8, 8] -> [N, 2048, 8, 8]``."""
        one = self.branch3x3_1(x)
        two = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        halves = [
            self.branch3x3_2a(one),
            self.branch3x3_2b(one),
            self.branch3x3dbl_3a(two),
            self.branch3x3dbl_3b(two),
        ]
        return torch.cat([self.branch1x1(x), *halves, self.branch_pool(self.pool(x))], 1)


class Inception(nn.Module):
    """The network; its attributes are named as in the file of weights."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, 2, 0)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3, 1, 0)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3)
        self.Conv2d_3b_1x1 = Conv(64, 80)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3, 1, 0)
        self.Mixed_5b = BlockA(192, 32)
        self.Mixed_5c = BlockA(256, 64)
        self.Mixed_5d = BlockA(288, 64)
        self.Mixed_6a = BlockB(288)
        self.Mixed_6b = BlockC(768, 128)
        self.Mixed_6c = BlockC(768, 160)
        self.Mixed_6d = BlockC(768, 160)
        self.Mixed_6e = BlockC(768, 192)
        self.Mixed_7a = BlockD(768)
        self.Mixed_7b = BlockE(1280, average)
        self.Mixed_7c = BlockE(2048, maximum)
        self.fc = nn.Linear(DIMS, LOGITS)

    def features(self, x: Tensor) -> Tensor:
        """``[N, 3, 299, 299]`` in [-1, 1] -> ``[N, 2048]``: "pool3", the means over the image."""
        h = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # [N, 64, 147, 147]
        h = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(max_pool2d(h, 3, 2)))  # [N, 192, 71, 71]
        h = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(max_pool2d(h, 3, 2))))  # [N, 288, 35, 35]
        h = self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(h))))  # [N, 768, 17, 17]
        h = self.Mixed_7a(self.Mixed_6e(h))  # [N, 1280, 8, 8]
        pooled: Tensor = self.Mixed_7c(self.Mixed_7b(h)).mean((2, 3))
        return pooled

    def forward(self, x: Tensor) -> Tensor:
        """``[N, 3, 299, 299]`` in [-1, 1] -> logits ``[N, 1008]``."""
        logits: Tensor = self.fc(self.features(x))
        return logits
