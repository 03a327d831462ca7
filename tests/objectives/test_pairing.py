"""Which images meet which."""

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch.testing import assert_close

from visavis.networks.heads import HEADS
from visavis.objectives.pairing import Pairing, pair_scores

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
