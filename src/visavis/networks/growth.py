"""Networks whose form follows the images seen: what a game tells them, and where they keep it."""

import torch
from torch import Tensor, nn


class Growing(nn.Module):
    """A network, or a part of one, that grows with the images seen (ProGAN's).

    ``images`` is a buffer, so checkpoints and snapshots hold it, and a whole number, so the average of a
    network's weights copies it.  What depends on it asks :meth:`progress`.
    """

    images: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros((), dtype=torch.int64))
        self._told = 0
        self.register_load_state_dict_post_hook(_read)  # type: ignore[no-untyped-call]  # torch leaves it untyped

    def set_progress(self, images: int) -> None:
        """Say that ``images`` have been seen."""
        self.images.fill_(images)
        self._told = images

    def progress(self) -> int:
        """The images seen.  While a graph is recorded it is a constant: a graph has one form."""
        if not torch.compiler.is_compiling():
            self._told = int(self.images)
        return self._told


def _read(network: nn.Module, incompatible: object) -> None:
    assert isinstance(network, Growing)
    network.progress()


def set_progress(network: nn.Module, images: int) -> None:
    """Tell every growing part of ``network`` how many images have been seen; others stand as they are."""
    for part in network.modules():
        if isinstance(part, Growing):
            part.set_progress(images)
