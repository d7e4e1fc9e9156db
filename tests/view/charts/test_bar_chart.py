"""Bars lie where their values say, in the color they were given."""

import PIL.ImageColor
import pytest

from convscope.view.charts.bar_chart import BLUE, GREY, RED, Bar, BarRow, bar_chart
from convscope.view.render.layout import DENSITY

ROW = 22 * DENSITY


def where(chart, color):
    """The rows and columns that hold a color below the legend: first and last of each."""
    mask = (chart == PIL.ImageColor.getrgb(color)).all(2)
    mask[: 20 * DENSITY] = False
    rows, columns = mask.any(1).nonzero()[0], mask.any(0).nonzero()[0]
    return (rows[0], rows[-1]), (columns[0], columns[-1])


def test_lengths_are_in_proportion_and_both_ways():
    chart = bar_chart([BarRow("one", (Bar(0, 4, RED),)), BarRow("two", (Bar(0, -2, BLUE),))], {"red": RED}, "axis")
    rows, red = where(chart, RED)
    under, blue = where(chart, BLUE)
    assert red[1] - red[0] == pytest.approx(2 * (blue[1] - blue[0]), abs=3 * DENSITY)
    assert red[0] == pytest.approx(blue[1], abs=DENSITY) and 0 < under[0] - rows[0] == pytest.approx(ROW, abs=2)


def test_lanes_lie_one_under_the_other_and_nothing_is_drawn_of_nothing():
    chart = bar_chart([BarRow("both", (Bar(0, 1, RED), Bar(0, 1, GREY, 1), Bar(0, 0, BLUE, 1)))], {}, "axis")
    assert where(chart, RED)[0][1] <= where(chart, GREY)[0][0]
    assert not (chart == PIL.ImageColor.getrgb(BLUE)).all(2).any()


def test_what_goes_beyond_is_cut_off_and_a_spread_is_no_longer_than_its_bar():
    wide = bar_chart([BarRow("x", (Bar(0, 90, RED),)), BarRow("y", (Bar(0, 3, BLUE),))], {}, "axis", within=6)
    red, blue = where(wide, RED)[1], where(wide, BLUE)[1]
    assert red[1] - red[0] == pytest.approx(2 * (blue[1] - blue[0]), abs=3 * DENSITY)
    spread = bar_chart([BarRow("x", (Bar(0, 1, RED, 0, 5),))], {}, "axis")
    assert where(spread, RED)[1][0] < spread.shape[1] / 2  # zero is where the axis begins


def test_names_and_words_make_room_for_themselves():
    short, long = (
        bar_chart([BarRow(name, (Bar(0, 1, RED),), words)], {}, "axis")
        for name, words in (("a", ""), ("a" * 20, "b" * 40))
    )
    assert long.shape[1] > short.shape[1] + 100 and long.shape[0] == short.shape[0]
    assert bar_chart([], {}, "axis").shape[2] == 3
