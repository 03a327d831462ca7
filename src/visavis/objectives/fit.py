"""Whether networks and data fit a translation, before anything is trained."""

from collections.abc import Mapping

from visavis.core import Config
from visavis.networks.patch import PatchGAN
from visavis.networks.translators import ResnetTranslator, SuperResolver
from visavis.networks.unet import UNet

TRANSLATORS = (UNet, ResnetTranslator, SuperResolver)


def check_translators(networks: Mapping[str, Config], *names: str, factor: int = 1) -> None:
    """Raise ValueError unless the networks of these names translate images, ``factor`` times enlarged."""
    for name in names:
        config = networks.get(name)
        if config is None:
            continue  # whoever checks that all is there says so
        if not isinstance(config, TRANSLATORS):
            raise ValueError(f"network {name} is no translator; allowed kinds: {_kinds(*TRANSLATORS)}")
        scale = config.scale if isinstance(config, SuperResolver) else 1
        if scale != factor:
            mend = f"--networks.{name}.scale {factor}" if factor > 1 else f"--networks.{name}.kind unet"
            raise ValueError(
                f"network {name} makes images {scale} times larger, and the targets are {factor} times "
                f"as large as the inputs; give {mend}"
            )


def check_critics(networks: Mapping[str, Config], *names: str, alone: bool = False) -> None:
    """Raise ValueError unless the networks of these names are patch critics; ``alone``: of single images."""
    for name in names:
        config = networks.get(name)
        if config is None:
            continue
        if not isinstance(config, PatchGAN):
            raise ValueError(f"network {name} is no critic of patches; allowed kinds: {_kinds(PatchGAN)}")
        if alone and config.sees != "image":
            raise ValueError(
                f"without pairs there is no input beside an image; give --networks.{name}.sees image"
            )


def _kinds(*configs: type[Config]) -> str:
    return ", ".join(str(config.model_fields["kind"].default) for config in configs)
