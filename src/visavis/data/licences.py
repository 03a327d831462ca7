"""Whose the embedded sets are, and under which licence: what goes along with what is made of them."""

from typing import NamedTuple


class Licence(NamedTuple):
    """A licence by the hub's identifier, and whom to name."""

    identifier: str
    attribution: str


_DIGITS = Licence(
    "cc-by-4.0",
    "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, "
    "https://doi.org/10.24432/C50P49, CC BY 4.0",
)
_MNIST = Licence(
    "cc-by-sa-3.0",
    "Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits, CC BY-SA 3.0",
)
LICENCES = {
    "digits": _DIGITS,
    "stacked-digits": _DIGITS,
    "mnist-10k": _MNIST,
    "stacked-mnist-10k": _MNIST,
    "ylecun/mnist": _MNIST,
}
"""Source of data -> its licence.  Of other data their owners know."""
