"""The ability to translate: pictures into other pictures; :mod:`visavis.models.translate` does the work."""

from typing import ClassVar

from PIL import Image

from visavis.models.model import Model


class Translates(Model):
    """A model whose network G (or G_ab and G_ba) makes an image of another."""

    ability: ClassVar[str] = "translate"

    def translate(self, image: Image.Image, direction: str = "a-to-b") -> Image.Image:
        """The picture that a translator makes of another; ``direction``: of a game that knows both."""
        from visavis.models.translate import translate

        return translate(self, [image], direction)[0]
