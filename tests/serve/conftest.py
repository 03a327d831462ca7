from pathlib import Path

import pytest
from small_models import generator_and_critic

from visavis.models.snapshot import save_snapshot


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a small run that was never trained."""
    model = generator_and_critic()
    folder = tmp_path / "small"
    save_snapshot(folder / "snapshots" / "000000000005.safetensors", model.networks, model.description)
    return folder
