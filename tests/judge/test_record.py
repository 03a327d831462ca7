from typing import Any

import pytest

from visavis.errors import UserError
from visavis.judge.record import MATTERS, differences, need_equal

RECORD: dict[str, Any] = dict.fromkeys(MATTERS, "as before") | {
    "images": 100,
    "weights": "ema",
    "jpeg": 0,
    "seed": 0,
    "seconds": 3.0,
}


@pytest.mark.parametrize("field", [name for name in MATTERS if name not in ("weights", "jpeg")])
def test_every_field_that_matters_is_named(field: str) -> None:
    other = RECORD | {field: "another"}
    assert [found.field for found in differences(RECORD, other)] == [field]
    with pytest.raises(UserError, match=f"'{field}' is .* in one record and another in the other"):
        need_equal(RECORD, other)


def test_what_does_not_move_a_value_does_not_matter() -> None:
    need_equal(RECORD, RECORD | {"seed": 5, "seconds": 9.0, "device": "cuda", "source": "elsewhere"})
    need_equal(RECORD | {"weights": "images"}, RECORD)
    need_equal(RECORD | {"jpeg": 5}, RECORD | {"jpeg": 7})


def test_weights_and_jpeg() -> None:
    assert [found.field for found in differences(RECORD, RECORD | {"weights": "raw"})] == ["weights"]
    assert [found.field for found in differences(RECORD, RECORD | {"jpeg": 3})] == ["jpeg"]


def test_several_differences_are_all_named() -> None:
    with pytest.raises(UserError, match=r"'features' is .*also: split, images.*same way"):
        need_equal(RECORD, RECORD | {"features": "x", "split": "test", "images": 5})
