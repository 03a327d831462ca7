import pytest
from pydantic import ValidationError

from visavis.data.filters import Pencil
from visavis.data.pairs.config import PairsConfig
from visavis.errors import UserError


def refused(**fields: object) -> str:
    """The message for these fields, as UserError or inside pydantic's own error."""
    with pytest.raises((UserError, ValidationError)) as caught:
        PairsConfig.model_validate({"source": "x", "resolution": 32, **fields})
    return str(caught.value)


def test_what_does_not_go_together() -> None:
    assert "layout 'made' with no filter" in refused(layout="made")
    assert "layout 'stems' with the filter 'pencil'" in refused(made_by="pencil")
    assert "inputs only" in refused(layout="made", made_by="shrink", direction="b-to-a")
    assert "resolution 30 does not divide by 4" in refused(
        layout="made", made_by={"kind": "shrink", "factor": 4}, resolution=30
    )
    assert "jitter 3 does not divide by 2" in refused(layout="made", made_by="shrink", jitter=3)
    assert "classes 'cat' of layout 'stems'" in refused(classes="cat")
    assert "colour" in refused(layout="made", made_by="crayon")
    assert "Extra inputs" in refused(layuot="made")


def test_it_survives_json() -> None:
    config = PairsConfig(source="x", resolution=32, layout="made", made_by=Pencil(width=2.0), classes=("3",))
    assert PairsConfig.model_validate_json(config.model_dump_json()) == config
    assert config.factor == 1
    assert PairsConfig(source="x", resolution=32, layout="made", made_by="shrink").factor == 2  # type: ignore[arg-type]
