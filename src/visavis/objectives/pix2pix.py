"""pix2pix: a generator from image to image, a critic of patches, and a distance to the wanted image.

Isola et al. 2017, "Image-to-image translation with conditional adversarial networks".  In its ordinary form
the critic says of each patch whether it is real.  In the *pairwise* form it is shown a real and a generated
image of the same input, and the difference of its two scores says which of the two looks more real, patch by
patch: the pair game, in which the partner is not any real image but the one that G was asked for.
"""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from visavis.core import Batch, Images, Nets, Pairs, Phase, Scalars, Value, value_at
from visavis.data import AnyData
from visavis.losses.adversarial import ADVERSARIAL_LOSSES
from visavis.losses.pairwise import PAIR_LOSSES
from visavis.losses.translation import feature_distance
from visavis.networks.patch import PatchCritic
from visavis.objectives.adversarial import Adversarial
from visavis.objectives.fit import Networks, check_patch_critics, check_translators, takes_pairs
from visavis.objectives.penalised import Judged
from visavis.objectives.translation import Distance, pairs_of


class Translation(Adversarial):
    """Fields and phases common to :class:`Pix2Pix` and :class:`PairwisePix2Pix`.

    G minimises ``adversarial`` times the critic's loss, the ``distance`` and ``feature_matching`` times the
    distance of the critic's feature maps.  R1 and R2 are the squared gradient, with respect to the image and
    not to its input, of its mean logit over patches.
    """

    kind: str
    task: ClassVar[str] = "translate"
    compares: ClassVar[bool] = False
    adversarial: Value = 1.0
    distance: Distance = Distance(l1=100.0)
    feature_matching: Value = 0.0

    @property
    def real_batches(self) -> int:
        """One per D step; G's are the first's."""
        return self.most_d_steps

    def phases(self) -> tuple[Phase, ...]:
        """D steps, then G steps."""
        return self.composed(self.d_phases(self.d_loss), [Phase(("G",), self.g_loss)] * self.g_steps)

    def state(self) -> dict[str, nn.Module]:
        """The distance's features, and what any game has."""
        return {**super().state(), **self.distance.state()}

    def check(self, networks: Networks, data: AnyData) -> None:
        """Raise ValueError unless G translates, making images ``factor`` times larger, and D sees patches."""
        check_translators(networks, "G", factor=takes_pairs(self.kind, data).factor)
        check_patch_critics(networks, "D")

    def contest(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        """What D minimises; logits ``[N, h, w]`` of real and generated images."""
        raise NotImplementedError

    def fool(self, on_real: Tensor | None, on_fake: Tensor) -> Tensor:
        """What G minimises; the logits of real images are there where the game ``compares``."""
        raise NotImplementedError

    def d_loss(
        self, nets: Nets, batch: Batch, images: int, index: int, penalise: bool
    ) -> tuple[Tensor, Scalars]:
        """Tell the real image of an input from the generated one."""
        a, b = pairs_of(batch, index, self.real_batches)
        with torch.no_grad():
            fake = nets["G"](a)
        if penalise:
            (b, _), (fake, _) = self.watched(Images(b), Images(fake))
        critic, view = _patch_critic(nets), self.view(nets, Images(b), images, shared=False)
        inputs = view(a)
        on_real, on_fake = self.scores(critic, Pairs(inputs, view(b)), view(fake))
        loss = self.contest(on_real, on_fake)
        scalars = {
            "loss/D": loss,
            "score/real": on_real.mean(),
            "score/fake": on_fake.mean(),
            "accuracy/pairs": (on_real > on_fake).float().mean(),
        }
        if penalise:

            def ask(x: Tensor) -> Tensor:
                scores: Tensor = critic(view(x), inputs)
                return scores.mean((1, 2))

            judged = Judged(b, fake, on_real.mean((1, 2)), on_fake.mean((1, 2)), ask, ask)
            extra, named = self.penalty(judged, images)
            loss, scalars = loss + extra, scalars | named
        return loss, scalars

    def scores(self, critic: PatchCritic, real: Pairs, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of real and generated images of the same inputs, in one pass if ``joint``."""
        if not self.joint:
            return critic(real.b, real.a), critic(fake, real.a)
        both: Tensor = critic(torch.cat([real.b, fake]), torch.cat([real.a, real.a]))
        on_real, on_fake = both.chunk(2)
        return on_real, on_fake

    def g_loss(self, nets: Nets, batch: Batch, images: int) -> tuple[Tensor, Scalars]:
        """Look real beside the input, and be near to the wanted image."""
        a, b = pairs_of(batch, 0, self.real_batches)
        critic, fake = _patch_critic(nets), nets["G"](a)
        total, parts = self.distance(nets, fake, b, images)
        view = self.view(nets, Images(b), images, shared=False)
        inputs = view(a)
        on_fake, maps = critic.judge(view(fake), inputs)
        on_real = None
        if self.compares or self.feature_matching != 0:
            with torch.no_grad():
                on_real, wanted = critic.judge(view(b), inputs)
            if self.feature_matching != 0:
                parts["distance/features"] = feature_distance(maps, wanted)
                total = total + value_at(self.feature_matching, images) * parts["distance/features"]
        fooled = self.fool(on_real, on_fake)
        total = total + value_at(self.adversarial, images) * fooled
        return total, {"loss/G": fooled, **parts}


def _patch_critic(nets: Nets) -> PatchCritic:
    critic = nets["D"]
    assert isinstance(critic, PatchCritic)
    return critic


class Pix2Pix(Translation):
    """D says of each patch whether it is real: G fools it (Isola et al. 2017, eq. 4)."""

    kind: Literal["pix2pix"] = "pix2pix"
    loss: Literal["nonsaturating", "minimax", "hinge", "wasserstein", "least-squares"] = "nonsaturating"

    def contest(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        """Real patches up, generated ones down."""
        return ADVERSARIAL_LOSSES[self.loss].d(on_real, on_fake)

    def fool(self, on_real: Tensor | None, on_fake: Tensor) -> Tensor:
        """Generated patches up."""
        return ADVERSARIAL_LOSSES[self.loss].g(on_fake)


class PairwisePix2Pix(Translation):
    """D says of a real and a generated image of one input which is the real one, patch by patch.

    The score of a pair is the difference of its logits (RpGAN: Sun et al. 2020, eq. 4); each patch meets the
    one at its place.  R1 and R2 belong to it (Huang et al. 2024, eq. 2).
    """

    kind: Literal["pairwise-pix2pix"] = "pairwise-pix2pix"
    compares: ClassVar[bool] = True
    loss: Literal["relativistic", "hinge", "margin", "wasserstein"] = "relativistic"

    def contest(self, on_real: Tensor, on_fake: Tensor) -> Tensor:
        """The real image above the generated one."""
        return PAIR_LOSSES[self.loss](on_real - on_fake, None)

    def fool(self, on_real: Tensor | None, on_fake: Tensor) -> Tensor:
        """The generated image above the real one."""
        assert on_real is not None
        return PAIR_LOSSES[self.loss](None, on_real - on_fake)
