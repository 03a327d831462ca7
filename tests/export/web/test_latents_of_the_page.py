"""The page's latents are PyTorch's: its script is run by node where there is one."""

import json
import shutil
import subprocess

import pytest
import torch
from torch.testing import assert_close

from visavis.core import mix
from visavis.export.web.site import PAGE
from visavis.models.generator import latents
from visavis.models.paths import slerp

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not on this machine")


def ask(expression: str) -> object:
    code = (PAGE / "latents.js").read_text() + f"\nconsole.log(JSON.stringify({expression}))"
    done = subprocess.run([NODE or "", "-e", code], capture_output=True, text=True, check=True, timeout=600)
    return json.loads(done.stdout)


def test_seeds_are_mixed_alike() -> None:
    cases = [[0, 0], [1, 63], [123456789, 5], [2**53 - 1, 2**31]]
    found = ask(f"{json.dumps(cases)}.map((each) => String(mix(...each)))")
    assert found == [str(mix(*case)) for case in cases]


@pytest.mark.parametrize("z_dim", [1, 2, 15, 16, 17, 32, 100])
def test_normals_are_drawn_alike(z_dim: int) -> None:
    found = ask(f"[0, 7].map((seed) => [0, 1, 9].map((i) => Array.from(latents(seed, i, {z_dim}))))")
    wanted = [[latents(seed, i, 1, z_dim)[0] for i in (0, 1, 9)] for seed in (0, 7)]
    assert_close(torch.tensor(found), torch.stack([torch.stack(row) for row in wanted]), atol=2e-6, rtol=0)


def test_walks_go_alike() -> None:
    a, b = latents(3, 0, 2, 16)
    found = ask("[0, 0.3, 1].map((t) => Array.from(slerp(latents(3, 0, 16), latents(3, 1, 16), t)))")
    wanted = torch.stack([slerp(a, b, torch.tensor(t)) for t in (0, 0.3, 1)])
    assert_close(torch.tensor(found), wanted, atol=1e-5, rtol=0)
