import numpy as np

from visavis.report.series import MOST_PANELS, panels, smooth

NAN = float("nan")


def test_smooth_by_hand() -> None:
    # boxes of one row each side: [1.5, 3, 4], then [2.25, 17/6, 3.5]
    np.testing.assert_allclose(smooth(np.array([1.0, 2.0, 6.0]), 2), [2.25, 17 / 6, 3.5])
    np.testing.assert_allclose(smooth(np.array([5.0]), 2), [5.0])
    np.testing.assert_allclose(smooth(np.full(50, 3.0), 9), np.full(50, 3.0))


def test_smooth_leaves_gaps_out() -> None:
    np.testing.assert_allclose(smooth(np.array([1.0, NAN, 3.0, 3.0]), 2), [1.0, NAN, 3.0, 3.0])


def test_smooth_does_not_lag() -> None:
    line = np.arange(100.0)
    np.testing.assert_allclose(smooth(line, 10)[12:-12], line[12:-12])


def test_the_four_panels_of_s1_then_the_rest() -> None:
    rows = [
        {"images": 10, "loss/D": 0.5, "loss/G": 2.0, "lr/G": 0.1, "mystery/x": 1.0, "accuracy/like": 0.5},
        {"event": "resume", "images": 10},
        {"images": 20, "loss/D": 0.6, "loss/G": None, "penalty/r1": 1.0, "note": "text"},
        {"images": 30, "loss/D": 0.7, "loss/G": 0.2, "score/real": None},
    ]
    found = panels(rows)
    assert [panel.style.title for panel in found] == [
        "Losses",
        "Accuracy of D",
        "Difference of the losses",
        "Losses, smoothed",
        "Penalties",
        "Learning rates",
        "Mystery",
    ]
    np.testing.assert_allclose(found[2].series[0].y, [1.5, NAN, 0.5])
    np.testing.assert_array_equal(found[4].series[0].x, [20])


def test_without_g_or_d_there_is_no_difference_and_nothing_without_rows() -> None:
    found = panels([{"images": 1, "loss/encoder+decoder": 1.0}])
    assert [panel.style.title for panel in found] == ["Losses", "Losses, smoothed"]
    assert found[0].series[0].name == "encoder+decoder"
    assert panels([]) == []
    assert panels([{"images": 1}]) == []


def test_seconds_as_the_axis() -> None:
    (panel,) = panels([{"images": 1, "seconds": 4.0, "kl": 2.0}, {"images": 2, "kl": 3.0}], "seconds")
    np.testing.assert_array_equal(panel.series[0].x, [4.0])


def test_no_more_panels_than_can_be_read() -> None:
    assert len(panels([{"images": 1, **{f"p{i}/x": 1.0 for i in range(40)}}])) == MOST_PANELS
