from pathlib import Path

import pytest
import torch

from visavis.training import devices

CPU = torch.device("cpu")
AVX2 = "processor: 0\nflags\t\t: fpu avx avx2 fma\nbogomips: 1\n"


@pytest.mark.parametrize(
    ("listed", "has", "gains"),
    [
        (AVX2, False, False),
        (AVX2.replace("fma", "avx512f"), False, False),  # without its bf16 extension it is emulated
        (AVX2.replace("fma", "avx512f avx512_bf16"), True, False),  # in vectors
        (AVX2.replace("fma", "avx512_bf16 amx_bf16 amx_tile"), True, True),
        ("processor: 0\nFeatures\t: fp asimd\n", False, False),
        ("processor: 0\nFeatures\t: fp asimd bf16\n", True, True),
    ],
)
def test_which_processors_multiply_bf16_and_which_gain_by_it(
    listed: str, has: bool, gains: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(listed)
    monkeypatch.setattr(devices, "CPUINFO", tmp_path / "cpuinfo")
    assert devices.multiplies_bf16(CPU) is has
    assert devices.gains_by_bf16(CPU) is gains


@pytest.mark.parametrize(("capability", "has"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_which_gpus_do(capability: tuple[int, int], has: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert devices.multiplies_bf16(torch.device("cuda", 1)) is has
    assert devices.gains_by_bf16(torch.device("cuda", 1)) is has


def test_elsewhere_than_on_linux_torch_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "CPUINFO", tmp_path / "none")
    monkeypatch.setattr("platform.machine", lambda: "AMD64")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert devices.multiplies_bf16(CPU)
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert not devices.multiplies_bf16(CPU)
