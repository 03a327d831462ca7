"""The pair game: a critic that compares two images, and a generator that plays against the comparison.

Three kinds of pairs: like (real, real'), unlike (real, fake), fakes (fake, fake').  With a *similarity* head
D raises the scores of like pairs (and of fakes) and lowers those of unlike ones; G raises unlike and lowers
fakes.  In a conditional training both members of such a pair are of one class: else D would learn that images
of two classes are alike.

With the *difference* head the score of (real, fake) says by how much the real one looks more real: D raises
it, G lowers it, and no other kind of pair means anything.  That head has one score for each image, of how
real it looks as one of its class, so a pair across classes is a comparison like any other, and partners are
what they are without classes.
"""

from functools import partial
from typing import Literal

import torch
from pydantic import model_validator
from torch import Tensor

from visavis.core import Batch, Images, Names, Nets, Phase, Scalars, Value, value_at
from visavis.data import AnyData
from visavis.errors import unknown
from visavis.losses.pairwise import PAIR_LOSSES, PairLoss, bce
from visavis.networks.critic import PairCritic
from visavis.objectives.adversarial import Adversarial, critic_of, generate, part_of
from visavis.objectives.fit import Networks, check_pair_head, check_role, takes_images
from visavis.objectives.pairing import Pairing, in_company, pair_scores
from visavis.objectives.penalised import Judged
from visavis.objectives.sound import check_pairs_of_a_class
from visavis.training import parallel

KINDS = ("like", "unlike", "fakes")


class Handoff:
    """Embeddings of the real images, which a step's first G phase leaves to the others: D stands still."""

    def __init__(self) -> None:
        self.embedded: Tensor | None = None


class Pairwise(Adversarial):
    """Fields of the pair game.

    ``kinds``: the kinds of pairs (unlike is always one).  ``pairing``: which partners each image meets: the
    one at its place, k others, all, their mean, or ("average") each of both sides the other's mean, which
    with the difference head is the relativistic average game (Jolicoeur-Martineau 2018, RaGAN; the mean of
    its two terms, where the paper adds them).
    ``like_partner``: like pairs are made within the batch ("roll", no further pass) or with other real images
    ("fresh").  ``smoothing``: D's targets are 1 - s and s (loss "bce" only).  ``terms``: D's "bce" terms are
    added or averaged.  ``fresh_reals``: G's phases see real images that D has not seen in this step.
    """

    kind: Literal["pairwise"] = "pairwise"
    loss: Literal["bce", "relativistic", "hinge", "margin", "wasserstein", "infonce", "dual-contrastive"] = (
        "relativistic"
    )
    kinds: Names = ("unlike",)
    pairing: Pairing = "elementwise"
    like_partner: Literal["roll", "fresh"] = "roll"
    smoothing: Value = 0.0
    terms: Literal["sum", "mean"] = "mean"
    fresh_reals: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> "Pairwise":
        for kind in self.kinds:
            if kind not in KINDS:
                raise unknown("kind of pairs", kind, KINDS)
        if "unlike" not in self.kinds:
            raise ValueError(f"kinds {', '.join(self.kinds)} lack 'unlike', which the game needs")
        if (self.finite or self.on_interpolates) and self.pairing != "elementwise":
            raise ValueError(
                f"finite differences and interpolates are of single pairs, and the pairing is "
                f"'{self.pairing}'; give --objective.pairing elementwise"
            )
        if self.loss == "dual-contrastive" and self.pairing != "all":
            raise ValueError("the loss 'dual-contrastive' is of all pairs; give --objective.pairing all")
        if self.loss != "bce" and self.smoothing != 0:
            raise ValueError(f"smoothing is for the loss 'bce', not for '{self.loss}'")
        return self

    @property
    def parts_per_d_step(self) -> int:
        """Real batches that one D step takes."""
        return 2 if "like" in self.kinds and self.like_partner == "fresh" else 1

    @property
    def aligned(self) -> bool:
        """Whether the members of every pair have one index, so that each index has its own augmentation."""
        within = "fakes" in self.kinds or ("like" in self.kinds and self.like_partner == "roll")
        return self.pairing == "elementwise" and not within

    @property
    def real_batches(self) -> int:
        """Those of all D steps, and one more for G if it sees fresh ones."""
        return self.most_d_steps * self.parts_per_d_step + int(self.fresh_reals)

    def check(self, networks: Networks, data: AnyData) -> None:
        """Raise ValueError unless G makes images and D's head gives meaning to these kinds of pairs."""
        takes_images(self.kind, data)
        check_role(networks, "G", "generator")
        check_pair_head(tuple(self.kinds), networks)

    def check_training(self, networks: Networks, batch_size: int, accumulate: int, conditional: bool) -> None:
        """Raise ValueError for pairs that cannot be of one class where they must be."""
        super().check_training(networks, batch_size, accumulate, conditional)
        check_pairs_of_a_class(networks, conditional, self.pairing, self.like_partner, tuple(self.kinds))

    def phases(self) -> tuple[Phase, ...]:
        """D steps, then G steps."""
        handoff = Handoff()
        g_losses = [partial(self.g_loss, index=index, handoff=handoff) for index in range(self.g_steps)]
        return self.composed(self.d_phases(self.d_loss), [Phase(("G",), g_loss) for g_loss in g_losses])

    def pair_loss(self, images: int, smooth: bool) -> PairLoss:
        """The loss ``(up, down) -> scalar``; only D's targets are smoothed."""
        if self.loss != "bce":
            return PAIR_LOSSES[self.loss]
        return partial(bce, smoothing=value_at(self.smoothing, images) if smooth else 0.0)

    def fakes(self, nets: Nets, real: Images) -> Images:
        """What D learns to tell from ``real``: one image for each."""
        return generate(nets, real)

    def d_loss(
        self, nets: Nets, batch: Batch, images: int, index: int, penalise: bool
    ) -> tuple[Tensor, Scalars]:
        """Tell unlike pairs from the others."""
        critic = critic_of(nets)
        parts = [
            part_of(batch, index * self.parts_per_d_step + i, self.real_batches)
            for i in range(self.parts_per_d_step)
        ]
        with torch.no_grad():
            fake = self.fakes(nets, parts[0])
        real = parts[0]
        if penalise:
            real, fake = self.watched(real, fake)
        view = self.view(nets, real, images, shared=not self.aligned)
        embedded = self.embed(critic, [real, fake, *parts[1:]], view)
        on_real, on_fake = embedded[:2]
        labels = classes_of_pairs(critic, real)
        unlike = self._unlike(critic, on_real, on_fake, labels)
        scores = {"unlike": unlike}
        if "like" in self.kinds:
            same = len(embedded) == 2
            others = embedded[-1 if not same else 0]
            scores["like"] = pair_scores(critic, on_real, others, self.pairing, same, labels)
        if "fakes" in self.kinds:
            scores["fakes"] = pair_scores(critic, on_fake, on_fake, self.pairing, True, labels)
        scores, share = company(scores, labels)
        loss = share * self._d_total(critic.head.antisymmetric, scores, images)
        scalars = {
            "loss/D": loss,
            **_summary(critic.head.antisymmetric, scores, self.loss in ("bce", "hinge")),
        }
        if penalise:
            of = unlike.mean(1)
            judged = Judged(
                real.x,
                fake.x,
                of,
                of,
                lambda x: self._unlike(critic, critic.embed(view(x), real.y), on_fake, labels).mean(1),
                lambda x: self._unlike(critic, on_real, critic.embed(view(x), fake.y), labels).mean(1),
            )
            extra, named = self.penalty(judged, images)
            loss, scalars = loss + extra, scalars | named
        return loss, scalars | self.adapt(nets, unlike)

    def _unlike(self, critic: PairCritic, on_real: Tensor, on_fake: Tensor, labels: Tensor | None) -> Tensor:
        return pair_scores(critic, on_real, on_fake, self.pairing, labels=labels)

    def _d_total(self, antisymmetric: bool, scores: dict[str, Tensor], images: int) -> Tensor:
        loss = self.pair_loss(images, smooth=True)
        if antisymmetric:
            return loss(scores["unlike"], None)
        up = [scores[kind] for kind in ("like", "fakes") if kind in scores]
        total = loss(torch.cat(up, 1) if up else None, scores["unlike"])
        return total / 2 if self.loss == "bce" and self.terms == "mean" and up else total

    def g_loss(
        self, nets: Nets, batch: Batch, images: int, index: int, handoff: Handoff
    ) -> tuple[Tensor, Scalars]:
        """Make unlike pairs look like the others."""
        critic = critic_of(nets)
        real = part_of(batch, self.real_batches - 1 if self.fresh_reals else 0, self.real_batches)
        fake = self.fakes(nets, real)
        view = self.view(nets, fake, images, shared=not self.aligned)
        if index == 0 or self.changes_images:
            with torch.no_grad():
                handoff.embedded = critic.embed(view(real.x), real.y)
        on_real = handoff.embedded
        assert on_real is not None
        labels = classes_of_pairs(critic, real)
        loss = self.g_total(critic, on_real, critic.embed(view(fake.x), fake.y), images, labels)
        return loss, {"loss/G": loss}

    def g_total(
        self, critic: PairCritic, on_real: Tensor, on_fake: Tensor, images: int, labels: Tensor | None
    ) -> Tensor:
        """What G minimises, from the embeddings ``[N, …]`` of real and of generated images; ``labels: [N]``
        of both, where pairs are of one class.

        With fakes among the kinds this is D's game turned round: the like pairs, on which G has no hold,
        stand beside the fakes, which count half for it.  Twice that, and G would gain by scattering its
        images.
        """
        scores = {"unlike": self._unlike(critic, on_real, on_fake, labels)}
        share: Tensor | float = 1.0
        if "fakes" in self.kinds:
            within = [on_fake, on_real] if "like" in self.kinds else [on_fake]
            each = [pair_scores(critic, x, x, self.pairing, True, labels) for x in within]
            scores, share = company(scores | {"within": torch.cat(each, 1)}, labels)
        pair_loss = self.pair_loss(images, smooth=False)
        if critic.head.antisymmetric:
            return pair_loss(None, scores["unlike"])
        return share * pair_loss(scores["unlike"], scores.get("within"))


def classes_of_pairs(critic: PairCritic, real: Images) -> Tensor | None:
    """The labels ``[N]``, where both members of a pair must have one; None where they need not."""
    return real.y if critic.conditional and not critic.head.antisymmetric else None


def company(scores: dict[str, Tensor], labels: Tensor | None) -> tuple[dict[str, Tensor], Tensor | float]:
    """The scores without the images that are alone in their class, which have no other to be paired with.

    Beside them the share of this process's images in those of all, 1 for one process: by it the mean over
    what is left here becomes a part of the mean over what is left everywhere.
    """
    if labels is None or len(scores) == 1:
        return scores, 1.0
    kept = in_company(labels)
    count = kept.sum()
    share = count / parallel.mean(count.float()).clamp_min(1e-6)
    if not count:  # no pair at all: something that can be differentiated, times 0
        return scores, share
    return {kind: each[kept] for kind, each in scores.items()}, share


def _summary(antisymmetric: bool, scores: dict[str, Tensor], calibrated: bool) -> Scalars:
    """Mean scores, and how often D is right; an uncalibrated similarity is cut half-way between the means."""
    found = {f"score/{kind}": s.mean() for kind, s in scores.items()}
    unlike = scores["unlike"]
    if antisymmetric:
        return found | {"accuracy/unlike": (unlike > 0).float().mean()}
    if "like" not in scores:
        return found | {"accuracy/unlike": (unlike < 0).float().mean()}
    cut = (
        torch.zeros(()) if calibrated else parallel.mean((scores["like"].mean() + unlike.mean()).detach() / 2)
    )
    return found | {
        "accuracy/like": (scores["like"] > cut).float().mean(),
        "accuracy/unlike": (unlike < cut).float().mean(),
    }
