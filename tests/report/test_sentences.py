from runs_on_disk import result

from visavis.report.sentences import of_one, of_runs, of_two


def test_a_verdict_says_quality_and_what_is_far_below_its_null() -> None:
    told = of_one(result(recall=0.3))
    assert told == ["Quality 41 of 100 (38 to 44).", "It lacks variety: recall 0.3, null 0.9."]
    assert of_one(result(recall=0.88))[1] == "Nothing stands out beside what held-out real images get."


def test_missing_classes_copies_and_repeats_are_told() -> None:
    memory = {
        "near_copies": {"value": 0.2, "null": 0.01, "interval": None, "p": 1e-9, "flagged": True},
        "repeats": {"value": 0.3, "null": 0.0, "interval": None},
    }
    told = " ".join(of_one(result(recall=0.9) | {"memorisation": memory, "classes": {"missing": ["3", "7"]}}))
    assert "never makes: 3, 7" in told
    assert "It copies: nearer to train" in told
    assert "30.00% equal an earlier image" in told


def test_the_better_of_two_is_named_with_its_margin_whichever_stands_first() -> None:
    a, b = result(fd=5.0), result(fd=25.0, recall=0.9)
    for told in (of_two("a", a, "b", b), of_two("b", b, "a", a)):
        assert told.startswith("a is better than b by 18.6 to 21.4 in fd_digitsr, p = ")
        assert told.endswith("; it lacks variety: recall 0.3, null 0.9.")


def test_what_chance_makes_and_what_does_not_compare_are_told() -> None:
    assert "no more than chance makes" in of_two("a", result(5.0), "b", result(5.1))
    told = of_two("a", result(), "b", result(features="inception"))
    assert told.startswith("a and b: not comparable: 'features'")


def test_several_runs_are_told_against_the_best() -> None:
    told = of_runs([("a", result(25.0)), ("b", result(5.0)), ("c", None)])
    assert len(told) == 2
    assert told[0].startswith("b is better than a by")
    assert told[1] == "c is not judged."
