"""The Inception score against torchmetrics and a loop; sorted images do not fool it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from torchmetrics.image.inception import InceptionScore as Theirs

from visavis.errors import UserError
from visavis.metrics.inception_score import inception_score

Normal = Callable[..., Tensor]


def test_equals_torchmetrics(normal: Normal) -> None:
    logits = 2 * normal(400, 7)
    theirs = Theirs(nn.Identity(), splits=1)
    theirs.update(logits)
    found = inception_score(logits.softmax(1), "oracle", splits=1)
    assert_close(found.value, float(theirs.compute()[0]), rtol=1e-6, atol=0)
    assert found.spread == 0


def test_splits_by_a_loop(normal: Normal) -> None:
    p = normal(103, 5).softmax(1)
    shuffled = p[torch.randperm(103, generator=torch.Generator().manual_seed(4))].numpy()
    scores = []
    for part in np.array_split(shuffled, 10):
        kl = (part * (np.log(part) - np.log(part.mean(0)))).sum(1)
        scores.append(np.exp(kl.mean()))
    found = inception_score(p, "oracle", seed=4)
    assert_close(found.value, float(np.mean(scores)), rtol=1e-9, atol=0)
    assert_close(found.spread, float(np.std(scores)), rtol=1e-9, atol=0)  # ddof 0, as the source
    assert (found.classifier, found.samples, found.splits, found.ddof) == ("oracle", 103, 10, 0)


def test_sorted_images_score_as_shuffled_ones() -> None:
    images = torch.eye(10).repeat_interleave(100, 0)  # in sorted splits every score would be 1
    assert inception_score(images, "oracle").value > 9.5
    assert_close(inception_score(images, "oracle", splits=1).value, 10.0)


def test_the_worst() -> None:
    assert_close(inception_score(torch.eye(10)[:1].expand(50, -1), "oracle").value, 1.0)
    assert_close(inception_score(torch.full((50, 4), 0.25), "oracle").value, 1.0)


@pytest.mark.parametrize(
    "bad", [torch.full((20, 4), 0.5), torch.eye(20) * 2 - 1 / 20, torch.full((20, 4), torch.nan)]
)
def test_what_is_no_distribution_is_refused(bad: Tensor) -> None:
    with pytest.raises(UserError, match="probabilities"):
        inception_score(bad, "oracle")


def test_fewer_images_than_splits_are_refused() -> None:
    with pytest.raises(UserError, match="at least 10"):
        inception_score(torch.full((9, 4), 0.25), "oracle")
    with pytest.raises(UserError, match="splits"):
        inception_score(torch.full((9, 4), 0.25), "oracle", splits=0)
