"""What axes hold: random moves of an image's numbers against a slow program that carries the places along."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from convscope.network.axes.axes import Factor, arrangement, axis, of_image, pruned, resized_axis, viewed
from convscope.network.axes.recording import Recording

IMAGES, SIZE = 2, (2, 4, 8, 16)  # images; images, channels, rows, columns


class Carried:
    """A tensor, and beside it which image, channel, row and column each of its numbers is of: (4, *shape)."""

    def __init__(self):
        self.x = torch.randn(SIZE)
        grids = torch.meshgrid(*[torch.arange(float(n)) for n in SIZE], indexing="ij")
        self.places = torch.stack(grids)
        self.rolled = False

    def both(self, move, *how):
        """The same move of the numbers and of each of their four coordinates."""
        self.x, self.places = move(self.x, *how), torch.stack([move(part, *how) for part in self.places])

    def varies(self, dim):
        """Along which of image, channel, row, column the numbers of an axis differ."""
        first = self.places.narrow(dim + 1, 0, 1)
        return {kind for kind, part, one in zip("ncyx", self.places, first, strict=True) if bool((part != one).any())}

    def only_channels(self, dim):
        return self.varies(dim) <= {"c"}

    def mix_channels(self, dim, mixed):
        """New channels along an axis that held nothing but channels."""
        size = mixed.shape[dim]
        places = self.places.narrow(dim + 1, 0, 1).expand(4, *mixed.shape).clone()
        shape = [-1 if i == dim else 1 for i in range(mixed.ndim)]
        places[1] = torch.arange(float(size)).view(shape)
        self.x, self.places = mixed, places


def split(carried, draw):
    dim = draw(st.integers(0, carried.x.ndim - 1))
    size = carried.x.shape[dim]
    if size > 1 and carried.x.ndim < 8:
        outer = 2 ** draw(st.integers(0, int(math.log2(size))))
        carried.both(torch.Tensor.unflatten, dim, (outer, size // outer))


def join(carried, draw):
    if carried.x.ndim > 2:
        dim = draw(st.integers(0, carried.x.ndim - 2))
        carried.both(torch.Tensor.flatten, dim, dim + 1)


def permute(carried, draw):
    carried.both(torch.Tensor.permute, draw(st.permutations(range(carried.x.ndim))))


def roll(carried, draw):
    whole = [
        dim for dim, size in enumerate(carried.x.shape) if (size, carried.varies(dim)) in ((8, {"y"}), (16, {"x"}))
    ]
    if whole:
        carried.both(torch.roll, draw(st.integers(-3, 3)), draw(st.sampled_from(whole)))
        carried.rolled = True


def linear(carried, draw):
    if carried.only_channels(-1 + carried.x.ndim):
        carried.mix_channels(carried.x.ndim - 1, F.linear(carried.x, torch.randn(4, carried.x.shape[-1])))


def conv(carried, draw):
    if carried.x.ndim == 4 and carried.only_channels(1):
        weight = torch.randn(2, carried.x.shape[1], 3, 3)
        carried.mix_channels(1, F.conv2d(carried.x.contiguous(), weight, padding=1))


def pool(carried, draw):
    apart = [carried.varies(dim) for dim in (-2 + carried.x.ndim, -1 + carried.x.ndim)]
    whole = {*map(tuple, apart)} == {("y",), ("x",)} and not carried.rolled
    if carried.x.ndim == 4 and min(carried.x.shape[2:]) > 1 and whole:
        carried.both(F.avg_pool2d, 2)


MOVES = st.sampled_from([split, split, join, join, permute, permute, roll, linear, conv, pool])


@settings(max_examples=60)
@given(st.data())
def test_after_any_moves_the_places_are_put_back_where_they_came_from(data):
    torch.manual_seed(0)
    carried = Carried()
    with Recording(carried.x) as recording:
        for move in data.draw(st.lists(MOVES, max_size=12)):
            move(carried, data.draw)
        axes = recording.axes(carried.x)
    assume(
        not any(len(carried.varies(dim) & {"c"}) and carried.varies(dim) & {"y", "x"} for dim in range(carried.x.ndim))
    )
    assert axes is not None
    how = arrangement(axes, IMAGES)
    assert how is not None, axes
    images, _, rows, columns = (how(part) for part in carried.places)
    assert images.shape == (IMAGES, *how.shape)
    for found, dim in ((images, 0), (rows, 2), (columns, 3)):
        line = found.movedim(dim, 0).flatten(1)
        assert bool((line == line[:, :1]).all()), "the same coordinate along every other axis"
        assert bool((line[1:, 0] > line[:-1, 0]).all()), "in order"


def test_the_axes_of_a_batch_of_pictures():
    assert of_image((2, 3, 8, 1)) == ((Factor("n", 2),), (Factor("c", 3),), (Factor("y", 8),), ())
    assert axis("c", 1) == () and axis("c", 4) == (Factor("c", 4),)


def test_a_view_splits_and_joins():
    axes = of_image((2, 3, 8, 16))
    windows = viewed(axes, (2, 3, 2, 4, 4, 4))
    assert windows is not None
    assert [[(f.kind, f.size, f.key) for f in held] for held in windows[2:]] == [
        [("y", 2, (0,))], [("y", 4, (1,))], [("x", 4, (0,))], [("x", 4, (1,))],
    ]  # fmt: skip
    assert viewed(windows, (2, 3, 8, 16)) == axes, "halves that lie side by side are whole again"
    swapped = viewed((windows[3], windows[2]), (8,))
    assert swapped is not None and len(swapped[0]) == 2, "the inner before the outer half are two things"


@pytest.mark.parametrize("sizes", [(2, 3, 3, 8, 16 // 3), (5,), (2, 3, 128, 2)])
def test_a_view_that_would_cut_through_a_factor_or_lose_numbers_is_not_known(sizes):
    assert viewed(((Factor("n", 2),), (Factor("y", 6),), (Factor("x", 4),)), sizes) is None


def test_half_of_which_the_other_half_is_gone_is_the_whole():
    halves = viewed(of_image((2, 3, 8, 16)), (2, 3, 2, 4, 16))
    assert halves is not None
    inner = pruned((*halves[:2], (), *halves[3:]))
    assert inner[3] == (Factor("y", 4),)


def test_an_axis_of_another_size_keeps_what_it_is_unless_it_was_rolled_or_is_several_things():
    y, x = Factor("y", 8), Factor("x", 4)
    assert resized_axis((y,), 4) == (Factor("y", 4),)
    assert resized_axis((y,), 8) == (y,)
    assert resized_axis((Factor("y", 8, shift=2),), 4) == resized_axis((y, x), 4) == (Factor("?", 4),)
    assert resized_axis((), 4, "y") == (Factor("y", 4),), "padding of one place"


@pytest.mark.parametrize(
    ("axes", "why"),
    [
        (((Factor("n", 2),), (Factor("y", 4),), (Factor("y", 4),)), "rows by rows"),
        (((Factor("n", 2),), (Factor("c", 4),)), "no places"),
        (((Factor("?", 2),), (Factor("n", 2),), (Factor("y", 4),)), "crops beside each other"),
        (((Factor("c", 4),), (Factor("y", 4),)), "the images are gone"),
        (((Factor("n", 2),), (Factor("y", 2, (0,)),), (Factor("y", 4, (1,), 1),)), "halves rolled apart"),
        (((Factor("n", 2),), (Factor("y", 2, (0, 0)),), (Factor("y", 2, (0,)),)), "a part and a part of that"),
    ],
)
def test_places_that_are_not_there_once_each_have_no_arrangement(axes, why):
    assert arrangement(axes, 2) is None, why


def test_one_image_has_no_axis_of_images():
    how = arrangement(((), (Factor("y", 4),), (Factor("c", 3),)), 1)
    assert how is not None and how.shape == (3, 4, 1)
    values = torch.randn(1, 4, 3)
    torch.testing.assert_close(how(values), values.mT[..., None])


@pytest.mark.parametrize("block", [2, 4])
def test_depth_to_space_and_space_to_depth_by_hand(block):
    x = torch.randn(2, 16, 8, 16)
    with Recording(x) as recording:
        n, c, h, w = x.shape
        parts = x.view(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
        larger = parts.reshape(n, c // block**2, h * block, w * block)
        deeper = x.view(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
        deeper = deeper.reshape(n, c * block**2, h // block, w // block)
        axes = [recording.axes(found) for found in (larger, deeper)]
    for found, held in zip((larger, deeper), axes, strict=True):
        how = arrangement(held, 2)
        assert how is not None and how.shape == found.shape[1:]
        torch.testing.assert_close(how(found), found)
