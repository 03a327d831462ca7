"""The pair critic c(a, b) = head(f(a), f(b)): one shared branch f, one head."""

from torch import Tensor, nn

from visavis.networks.heads import Head


class PairCritic(nn.Module):
    """Scores pairs of images; the branch maps ``[N, C, H, W] -> [N, F]``."""

    def __init__(self, branch: nn.Module, head: Head) -> None:
        super().__init__()
        self.branch = branch
        self.head = head

    def embed(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Run the branch once: ``[N, C, H, W] -> [N, …]``, what :meth:`score` takes."""
        return self.head.embed(self.branch(x), labels)

    def score(self, a: Tensor, b: Tensor) -> Tensor:
        """The scores of pairs of embeddings."""
        return self.head.score(a, b)

    def forward(self, a: Tensor, b: Tensor, labels: Tensor | None = None) -> Tensor:
        """``a, b: [N, C, H, W]`` with ``a[i]`` facing ``b[i]`` -> ``[N]``."""
        return self.score(self.embed(a, labels), self.embed(b, labels))
