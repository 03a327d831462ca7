"""A pool of generated images: a critic that sees old ones too cannot forget them."""

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from visavis.training import parallel


class ImagePool(nn.Module):
    """The last generated images, of which a critic is shown some in the place of new ones.

    Shrivastava et al. 2017, section 2.3, in the form of Zhu et al. 2017 (50 images): while the pool is not
    full, an image is kept and shown; afterwards each is shown itself with probability 1/2, else it takes the
    place of a random one, which is shown.  The pool is a buffer, so a checkpoint holds it.  It belongs to
    the global batch: every process holds the same one, and shows its own slice.
    """

    images: Tensor

    def __init__(self, size: PositiveInt) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.empty(0))

    @torch.no_grad()
    def forward(self, fresh: Tensor) -> Tensor:
        """``[N, C, H, W]`` generated images -> as many to show, laid out alike.  No gradients.

        Takes the same numbers from the default generator however full the pool is.
        """
        everyone = parallel.gather(fresh.detach())
        coins = torch.rand(2, len(everyone), device="cpu")
        swapped, places = coins[0] < 0.5, (coins[1] * self.size).long().clamp(max=self.size - 1)
        shown = everyone.clone()
        room = self.size - len(self.images)
        self._append(everyone[:room])
        for index in range(room, len(everyone)):
            if swapped[index]:
                place = int(places[index])
                shown[index] = self.images[place]
                self.images[place] = everyone[index]
        return shown[parallel.local(len(everyone))]

    def _append(self, images: Tensor) -> None:
        if len(images):
            held = [self.images.to(images)] if len(self.images) else []
            self.images = torch.cat([*held, images])

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take back however many images there were."""
        kept = state_dict.get(f"{prefix}images")
        if kept is not None:
            self.images = torch.empty_like(kept, device=self.images.device)
        super()._load_from_state_dict(state_dict, prefix, *rest)
