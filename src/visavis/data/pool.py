"""A pool of generated images: a critic that sees old ones too cannot forget them."""

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from visavis.core import Images
from visavis.training import parallel


class ImagePool(nn.Module):
    """The last generated images, of which a critic is shown some in the place of new ones.

    Shrivastava et al. 2017, section 2.3, in the form of Zhu et al. 2017 (50 images): while the pool is not
    full, an image is kept and shown; afterwards each is shown itself with probability 1/2, else it takes the
    place of a random one, which is shown.  The pool is a buffer, so a checkpoint holds it.  It belongs to
    the global batch: every process holds the same one, and shows its own slice.
    """

    images: Tensor
    labels: Tensor

    def __init__(self, size: PositiveInt) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("images", torch.empty(0))
        self.register_buffer("labels", torch.empty(0, dtype=torch.int64))

    @torch.no_grad()
    def forward(self, fresh: Tensor, labels: Tensor | None = None) -> Images:
        """``[N, C, H, W]`` generated images (and their labels) -> as many to show, with their own labels.

        No gradients.  Takes the same numbers from the default generator however full the pool is.
        """
        everyone = parallel.gather(fresh.detach())
        classes = None if labels is None else parallel.gather(labels)
        coins = torch.rand(2, len(everyone), device="cpu")
        swapped, places = coins[0] < 0.5, (coins[1] * self.size).long().clamp(max=self.size - 1)
        room, here = self.size - len(self.images), parallel.local(len(everyone))
        shown = self._exchange("images", everyone, room, swapped, places)[here]
        if classes is None:
            return Images(shown)
        return Images(shown, self._exchange("labels", classes, room, swapped, places)[here])

    def _exchange(self, name: str, fresh: Tensor, room: int, swapped: Tensor, places: Tensor) -> Tensor:
        """What is shown of ``fresh: [N, …]``, once ``room`` of them were added to the buffer."""
        held: Tensor = getattr(self, name)
        if room > 0:
            held = torch.cat([held.to(fresh), fresh[:room]]) if len(held) else fresh[:room].clone()
            setattr(self, name, held)
        shown = fresh.clone()
        for index in range(max(room, 0), len(fresh)):
            if swapped[index]:
                place = int(places[index])
                shown[index] = held[place]
                held[place] = fresh[index]
        return shown

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take back however many images there were; a run made by 0.1.0 kept no labels."""
        state_dict.setdefault(f"{prefix}labels", torch.empty(0, dtype=torch.int64))
        for name in ("images", "labels"):
            kept = state_dict.get(f"{prefix}{name}")
            if kept is not None:
                setattr(self, name, torch.empty_like(kept, device=getattr(self, name).device))
        super()._load_from_state_dict(state_dict, prefix, *rest)
