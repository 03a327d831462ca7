"""Whether networks and data fit a game, before anything is trained: what objectives check themselves with.

A network that is missing is passed over; the recipe says that it is.
"""

from collections.abc import Mapping
from typing import Any, get_args

from visavis.data import AnyData, PairsConfig
from visavis.networks import CriticConfig, NetworkConfig
from visavis.networks.roles import IN_WORDS

Networks = Mapping[str, NetworkConfig]


def _kinds(role: str) -> str:
    members = get_args(get_args(NetworkConfig)[0])
    return ", ".join(str(each.model_fields["kind"].default) for each in members if each.role == role)


def check_role(networks: Networks, name: str, role: str) -> Any:
    """The network of that name, None if there is none; raises ValueError if it plays another role."""
    config = networks.get(name)
    if config is not None and config.role != role:
        raise ValueError(
            f"network {name} is a '{config.kind}', no {IN_WORDS[role]} (allowed: {_kinds(role)}); "
            f"give --networks.{name}.kind one of these"
        )
    return config


def takes_images(kind: str, data: AnyData) -> None:
    """Raise ValueError for pairs of images, which a game on images cannot use."""
    if isinstance(data, PairsConfig):
        raise ValueError(_other_data(kind, "images", "pairs"))


def takes_pairs(kind: str, data: AnyData) -> PairsConfig:
    """The pairs; raises ValueError for images without partners."""
    if not isinstance(data, PairsConfig):
        raise ValueError(_other_data(kind, "pairs", "images"))
    return data


def _other_data(kind: str, takes: str, has: str) -> str:
    return (
        f"the objective '{kind}' takes {takes}, and the data are {has}; "
        "train another recipe, whose game is made for them"
    )


def check_single(kind: str, networks: Networks) -> None:
    """Raise ValueError unless D scores single images: the head ``single``."""
    critic: CriticConfig | None = check_role(networks, "D", "critic")
    if critic is not None and critic.head != "single":
        raise ValueError(f"the objective '{kind}' takes --networks.D.head single, not '{critic.head}'")


def check_pair_head(kinds: tuple[str, ...], networks: Networks) -> None:
    """Raise ValueError unless D's head compares, and these kinds of pairs mean something to it."""
    critic: CriticConfig | None = check_role(networks, "D", "critic")
    if critic is None:
        return
    if critic.head == "single":
        raise ValueError(
            "the single head ignores one member of the pair; give another head, "
            "or the ordinary game: --objective.kind gan"
        )
    if critic.head == "difference":
        if kinds != ("unlike",):
            raise ValueError(
                "the difference head gives meaning to unlike pairs only; give --objective.kinds unlike"
            )
    elif "like" not in kinds:
        raise ValueError(f"the {critic.head} head needs like pairs; give --objective.kinds like,unlike")


def check_autoencoder(networks: Networks) -> None:
    """Raise ValueError unless E gives latents and G makes images of as many numbers."""
    encoder, decoder = check_role(networks, "E", "encoder"), check_role(networks, "G", "generator")
    if encoder is not None and decoder is not None and decoder.z_dim != encoder.z_dim:
        raise ValueError(
            f"E makes latents of {encoder.z_dim} numbers and G takes {decoder.z_dim}; give "
            "--networks.E.z_dim and --networks.G.z_dim alike"
        )


def check_translators(networks: Networks, *names: str, factor: int = 1) -> None:
    """Raise ValueError unless the networks of these names translate images, ``factor`` times enlarged."""
    for name in names:
        config = check_role(networks, name, "translator")
        if config is not None and config.scale != factor:
            mend = f"--networks.{name}.scale {factor}" if factor > 1 else f"--networks.{name}.kind unet"
            raise ValueError(
                f"network {name} makes images {config.scale} times larger, and the targets are {factor} "
                f"times as large as the inputs; give {mend}"
            )


def check_patch_critics(networks: Networks, *names: str, alone: bool = False) -> None:
    """Raise ValueError unless the networks of these names are patch critics; ``alone``: of single images."""
    for name in names:
        config = check_role(networks, name, "patch-critic")
        if config is not None and alone and config.sees != "image":
            raise ValueError(
                f"without pairs there is no input beside an image; give --networks.{name}.sees image"
            )
