"""Whether a game means something with such a critic and such batches: what is refused, what is warned of."""

from collections.abc import Sequence

from visavis.core import Value, ends_of
from visavis.networks import CriticConfig
from visavis.objectives.fit import Networks

WORDS = {
    "norm": "batch normalisation",
    "stddev": "the batch's deviation",
    "discrimination": "minibatch discrimination",
}
NO_NORM = "take a D without batch normalisation, as --networks.D.branch.norm none of a dcgan branch"


def critic_in(networks: Networks) -> CriticConfig | None:
    """The critic's configuration, if D is one."""
    critic = networks.get("D")
    return critic if isinstance(critic, CriticConfig) else None


def check_packs(networks: Networks, batch_size: int, accumulate: int) -> None:
    """Raise ValueError unless a batch, and each of its accumulated parts, is a number of whole packs."""
    critic = critic_in(networks)
    if critic is None or batch_size // accumulate % critic.pack == 0:
        return
    parts = f" in {accumulate} parts" if accumulate > 1 else ""
    step = critic.pack * accumulate
    raise ValueError(
        f"a batch of {batch_size} images{parts} is no number of whole packs of {critic.pack}; give "
        f"--batch-size {max(batch_size // step, 1) * step} (a multiple of {step}), or --networks.D.pack 1"
    )


def check_joint(networks: Networks, joint: bool) -> None:
    """Raise ValueError for real and generated images in one batch of a D that compares a batch's images."""
    critic = critic_in(networks)
    for how in sorted(critic.across - {"norm"}) if critic and joint else ():
        raise ValueError(
            f"D looks at the batch as a whole ({WORDS[how]}), which must not hold real and generated images "
            "together; give --objective.joint false"
        )


def check_bound(networks: Networks, loss: str, bounded: bool) -> None:
    """Raise ValueError for the Wasserstein loss of a D whose slope neither its layers bound nor the game.

    Its loss has no least value then (Arjovsky et al. 2017, section 3: D is to be Lipschitz).
    """
    critic = critic_in(networks)
    if loss == "wasserstein" and critic is not None and not (bounded or critic.bounded):
        raise ValueError(
            "the loss 'wasserstein' has no bound on D's slope; give --objective.clip 0.01, or "
            "--objective.gradient_penalty 10"
        )


def check_slopes(networks: Networks, on_interpolates: bool) -> None:
    """Raise ValueError for a penalty on interpolates of a D whose score of one depends on the others.

    Gulrajani et al. 2017, section 4: the penalty is of each image by itself, "no longer valid" with batch
    normalisation.  The batch's deviation is let through: ProGAN has both (Karras et al. 2018, appendix A).
    """
    critic = critic_in(networks)
    if critic is None or not on_interpolates:
        return
    for how, mend in (("norm", NO_NORM), ("discrimination", "give --networks.D.minibatch stddev")):
        if how in critic.across:
            raise ValueError(
                f"a penalty on interpolates is of single images, and D's score of one depends on the others "
                f"({WORDS[how]}); {mend}, or give --objective.gradient_penalty 0 and "
                "--objective.zero_centred 0"
            )


def check_growth(networks: Networks) -> None:
    """Raise ValueError unless G and D grow together, where both grow."""
    critic, g = critic_in(networks), networks.get("G")
    for field in ("stage_images", "fade_images"):
        of_g, of_d = getattr(g, field, None), getattr(critic and critic.branch, field, None)
        if of_g is not None and of_d is not None and of_g != of_d:
            raise ValueError(
                f"G and D grow together, and {field} is {of_g} in G and {of_d} in D; give "
                f"--networks.G.{field} {of_g} and --networks.D.branch.{field} {of_g}"
            )


def check_pairs_of_a_class(
    networks: Networks, conditional: bool, pairing: str, like_partner: str, kinds: tuple[str, ...]
) -> None:
    """Raise ValueError for partners of any class where D says of two images how alike they are.

    The difference head is let through: it has one score for each image.
    """
    critic = critic_in(networks)
    if critic is None or not conditional or critic.head in ("difference", "single"):
        return
    mend = (
        "give --objective.pairing roll-4" * (pairing == "all")
        or "give --objective.like_partner roll" * ("like" in kinds and like_partner == "fresh")
        or "give --networks.D.pack 1" * (critic.pack > 1)
    )
    if mend:
        raise ValueError(
            f"a conditional {critic.head} head compares images of one class, which partners would not all be "
            f"here; {mend}, or --networks.D.head difference with --objective.kinds unlike, or "
            "--conditional false"
        )


def cautions(networks: Networks, joint: bool, on_images: bool) -> Sequence[str]:
    """What is allowed and seldom wanted, a line each."""
    critic = critic_in(networks)
    if critic is None:
        return ()
    found = []
    if joint and "norm" in critic.across:
        found.append(
            "D's batch normalisation sees real and generated images as one batch, which tells it which is "
            "which; give --objective.joint false"
        )
    if on_images:
        found += [
            f"R1 and R2 take D's score of an image for its own, and it depends on the others ({WORDS[how]}); "
            f"{mend}, or give --objective.r1 0 and --objective.r2 0"
            for how, mend in (("norm", NO_NORM), ("discrimination", "give --networks.D.minibatch stddev"))
            if how in critic.across
        ]
    return found


def check_range(field: str, value: Value, least: float, most: float | None = None) -> None:
    """Raise ValueError for a number, or one that is scheduled, outside of [least, most] at any time."""
    if all(least <= end and (most is None or end <= most) for end in ends_of(value)):
        return
    allowed = f"{least:g} and more" if most is None else f"{least:g} to {most:g}"
    raise ValueError(f"{field} is {value} (allowed: {allowed}); mend --objective.{field}")
