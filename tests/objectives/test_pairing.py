"""Which images meet which."""

import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch.testing import assert_close

from visavis.losses.pairwise import relativistic
from visavis.networks.heads import HEADS
from visavis.objectives.pairing import Pairing, in_company, pair_scores

N, F = 5, 4


def scores_and_expected(head_name: str, pairing: str, same: bool):
    """Scores, and the list of what each anchor's should be, computed pair by pair."""
    head = HEADS[head_name](F).eval()
    anchors = head.embed(torch.randn(N, F))
    partners = anchors if same else head.embed(torch.randn(N, F))
    if pairing == "all":
        met = [[j for j in range(N) if not (same and i == j)] for i in range(N)]
    else:
        k = 1 if pairing == "elementwise" else int(pairing.removeprefix("roll-"))
        met = [[(i + same + s) % N for s in range(k)] for i in range(N)]
    expected = [[head.score(anchors[i], partners[j]).item() for j in js] for i, js in enumerate(met)]
    return pair_scores(head, anchors, partners, pairing, same), torch.tensor(expected)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("pairing", ["elementwise", "roll-1", "roll-3", "all"])
@pytest.mark.parametrize("same", [False, True])
def test_scores_are_those_of_brute_force_over_pairs(head: str, pairing: str, same: bool) -> None:
    found, expected = scores_and_expected(head, pairing, same)
    assert_close(found, expected)


def test_more_partners_than_images_means_all_of_them() -> None:
    head = HEADS["distance"](F)
    x, y = torch.randn(N, F), torch.randn(N, F)
    rolled, everyone = pair_scores(head, x, y, "roll-99"), pair_scores(head, x, y, "all")
    assert_close(rolled.sort(dim=1).values, everyone.sort(dim=1).values)
    assert pair_scores(head, x, x, "roll-99", same=True).shape == (N, N - 1)


@pytest.mark.parametrize("pairing", ["roll-3", "all"])
@pytest.mark.parametrize("same", [False, True])
def test_no_gradient_adds_in_an_order_that_threads_decide(pairing: str, same: bool) -> None:
    """That of an index with repeated entries does on the CPU; runs would not resume bit for bit."""
    x = torch.randn(N, F, requires_grad=True)
    waiting, steps = [pair_scores(HEADS["distance"](F), x, x, pairing, same).grad_fn], set()
    while waiting:
        step = waiting.pop()
        if step is not None:
            steps.add(step.name())
            waiting += [before for before, _ in step.next_functions]
    assert "SqrtBackward0" in steps
    assert not any(name.startswith("Index") for name in steps), steps


@pytest.mark.parametrize("wrong", ["roll", "roll-0", "roll--1", "roll-x", "everyone", "all-2", ""])
def test_other_forms_are_refused_with_the_allowed_ones(wrong: str) -> None:
    with pytest.raises(ValidationError, match=r"unknown pairing .*allowed: elementwise, roll-k"):
        TypeAdapter(Pairing).validate_python(wrong)


LABELS = torch.tensor([0, 1, 0, 2, 0, 1])
OTHERS = {0: [2, 4], 1: [5], 2: [4, 0], 3: [3], 4: [0, 2], 5: [1]}
"""Who comes next in an image's class, round and round; the fourth is alone."""


@pytest.mark.parametrize("pairing", ["elementwise", "roll-2", "roll-4"])
@pytest.mark.parametrize("same", [False, True])
def test_partners_of_the_class_are_those_that_come_next_in_it(pairing: str, same: bool) -> None:
    head = HEADS["distance"](F)
    x = torch.randn(6, F)
    y = x if same else torch.randn(6, F)
    count = 1 if pairing == "elementwise" else int(pairing.removeprefix("roll-"))
    found = pair_scores(head, x, y, pairing, same, LABELS)
    for i, others in OTHERS.items():
        ring = others if same else [i, *(j for j in others if j != i)]
        expected = [head.score(x[i], y[ring[s % len(ring)]]) for s in range(count)]
        assert_close(found[i], torch.stack(expected))
    assert in_company(LABELS).tolist() == [True, True, True, False, True, True]


@pytest.mark.parametrize("same", [False, True])
def test_the_mean_of_partners_is_that_of_the_class(same: bool) -> None:
    head = HEADS["cosine"](F)
    x = torch.randn(6, F)
    y = x if same else torch.randn(6, F)
    found = pair_scores(head, x, y, "mean", same, LABELS)[:, 0]
    for i, others in OTHERS.items():
        if i != 3:
            mean = y[others if same else [i, *others]].mean(0)
            assert_close(found[i], head.score(x[i], mean))


def test_the_relativistic_average_by_hand() -> None:
    """C of real 1 and 4, of generated 2 and -2: the means are 2.5 and 0 (Jolicoeur-Martineau 2018, RaGAN)."""
    head = HEADS["difference"](1)
    real, fake = torch.tensor([1.0, 4.0]), torch.tensor([2.0, -2.0], requires_grad=True)
    scores = pair_scores(head, real, fake, "average")
    assert_close(scores, torch.tensor([[1.0, 0.5], [4.0, 4.5]]))
    log = lambda x: math.log(1 + math.exp(x))  # noqa: E731
    d = (log(-1) + log(-4)) / 2 + (
        log(-0.5) + log(-4.5)
    ) / 2  # -log s(C(x) - E C(y)) - log(1 - s(C(y) - E C(x)))
    g = (log(1) + log(4)) / 2 + (log(0.5) + log(4.5)) / 2
    assert_close(2 * relativistic(scores, None), torch.tensor(d))
    assert_close(2 * relativistic(None, scores), torch.tensor(g))
    (slope,) = torch.autograd.grad(2 * relativistic(None, scores), fake)
    s = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    by_mean = -(s(1) + s(4)) / 4  # of the first term, through the mean of the generated scores
    assert_close(slope, torch.tensor([by_mean - s(0.5) / 2, by_mean - s(4.5) / 2]))
