import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from visavis.report.charts import (
    MOST_POINTS,
    Chart,
    Line,
    charts_of,
    decades,
    histogram,
    limits,
    steps,
    svg,
    thinned,
)
from visavis.report.series import Style, panels


def line(y: list[float], name: str = "D", **more: object) -> Line:
    return Line(name, np.arange(len(y), dtype=float), np.array(y), 0, 1, **more)  # type: ignore[arg-type]


def chart(*lines: Line, style: Style | None = None) -> Chart:
    return Chart("Losses", lines, "images seen", (0.0, 10.0), style or Style("Losses"))


def test_ticks_are_round_and_inside() -> None:
    assert steps(0, 10) == [0, 2, 4, 6, 8, 10]
    assert steps(-0.05, 0.051) == pytest.approx([-0.04, -0.02, 0, 0.02, 0.04])
    assert decades(0.5, 40) == [0.5, 1, 2, 5, 10, 20]
    assert decades(1, 1e5) == [1, 10, 100, 1000, 1e4, 1e5]


def test_points_are_in_thousandths_of_the_axes_and_a_missing_value_breaks_the_line() -> None:
    drawn = svg(chart(line([0, 50, math.nan, 100]), style=Style("x", limits=(0, 100))))
    path = re.search(r'class="mean"[^>]* d="([^"]*)"', drawn)
    assert path is not None
    assert path[1] == "M0.0 1000.0L100.0 500.0M300.0 0.0"


def test_a_log_axis_puts_decades_at_equal_distances_and_zero_on_its_edge() -> None:
    style = Style("x", scale="log")
    low, high = limits(style, [line([1, 10, 100])])
    assert low < 1 and high > 100
    assert math.log10(1 / low) == pytest.approx(math.log10(high / 100))
    drawn = svg(chart(line([0, 10, 100]), style=style))
    assert 'data-log="1"' in drawn
    assert re.search(r'd="M0.0 1000.0L', drawn)


def test_rare_peaks_do_not_flatten_the_rest_and_are_told() -> None:
    many = [math.sin(i) for i in range(300)] + [1e4]
    low, high = limits(Style("x"), [line(many)])
    assert -4 < low < -0.9 and 0.9 < high < 4
    rows = [{"images": i, "loss/D": y} for i, y in enumerate(many)]
    made = charts_of([("a", panels(rows))], "images seen", (0, 300))
    assert "10k" in made[0].note


def test_long_series_are_thinned_and_keep_their_extremes() -> None:
    y = np.zeros(50_000)
    y[12_345], y[23_456] = 7, -7
    x, kept = thinned(np.arange(len(y), dtype=float), y)
    assert len(kept) <= MOST_POINTS + 2
    assert kept.max() == 7 and kept.min() == -7
    assert x[kept.argmax()] == 12_345


def test_a_figure_alone_is_a_whole_svg_with_title_legend_and_escaped_names() -> None:
    root = ET.fromstring(svg(chart(line([1, 2], name="<D> & co")), alone=True))
    texts = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "Losses"
    assert "<D> & co 2" in texts


def test_of_many_runs_no_two_lines_look_alike_and_colours_stay_told_apart() -> None:
    rows = [{"images": 1, "loss/D": 1.0, "loss/G": 1.0}]
    found = charts_of([(f"run {i}", panels(rows)) for i in range(8)], "images seen", (0, 1))
    looks = [(each.look, each.dash) for each in found[0].lines]
    assert len(set(looks)) == len(looks) == 16
    assert {look for look, _ in looks} == {0, 1, 2, 3}


def test_of_several_runs_a_colour_is_a_run_and_a_dash_a_scalar() -> None:
    rows = [{"images": i, "loss/D": 1.0, "loss/G": 2.0} for i in range(5)]
    found = charts_of([("a", panels(rows)), ("b", panels(rows))], "images seen", (0, 5))
    assert [each.title for each in found] == ["Losses", "Difference of the losses"]
    looks = {each.name: (each.look, each.dash) for each in found[0].lines}
    assert looks == {"a: D": (0, 0), "a: G": (0, 1), "b: D": (1, 0), "b: G": (1, 1)}


def test_a_histogram_shows_shares_that_add_up_to_one() -> None:
    values = np.array([0.0, 0.0, 1.0, 3.0])
    made = histogram("Scores", [("like (real, real′)", values), ("unlike", values + 1)], "margin", bins=4)
    heights = made.lines[0].y[1:-1:2]
    assert heights.sum() == pytest.approx(1.0)
    assert made.lines[0].last == "mean 1"
    assert [each.look for each in made.lines] == [2, 3]
