"""One line for a name in no table."""

from visavis.errors import listed, unknown


def test_a_name_in_no_table() -> None:
    assert str(unknown("loss", "hing", ["hinge", "bce"])) == (
        "unknown loss 'hing'; did you mean 'hinge'? (allowed: hinge, bce)"
    )
    assert str(unknown("label", "cat", ["0", "1"])) == "unknown label 'cat' (allowed: 0, 1)"
    assert str(unknown("label", "cat", ["0"], "mend --label")) == (
        "unknown label 'cat' (allowed: 0); mend --label"
    )


def test_of_very_many_names_the_first_are_shown() -> None:
    names = [f"{i:03d}" for i in range(1000)]
    text = str(unknown("class", "9999", names))
    assert text.startswith("unknown class '9999'; did you mean '999'? (allowed: 000, 001, ")
    assert text.endswith(", 019, … (1000 in all))") and len(text) < 200
    assert listed(names[:3]) == "000, 001, 002"
    assert "…" not in listed(names[:25]) and "…" in listed(names[:26])
