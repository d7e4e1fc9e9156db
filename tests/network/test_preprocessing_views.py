"""What a network saw of a picture, given to it again, is seen as it is: pixel for pixel, by every way of preparing."""

import io

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import convscope as cs
from convscope.base.image import Image, open_image
from convscope.data.open import open_source
from convscope.network.preprocessing import Preprocessing

SIDES = st.tuples(st.integers(2, 40), st.integers(2, 40))
RECIPES = st.builds(
    Preprocessing,
    size=SIDES,
    resize=st.sampled_from([1.0, 256 / 224, 1.5]) | st.floats(1, 3),
    interpolation=st.sampled_from(["nearest", "box", "bilinear", "bicubic", "lanczos"]),
    squash=st.booleans(),
)


def noise(size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def network(size=24, **how):
    """A network that puts out two of its input's pixels, so that every answer tells what it was given."""
    return cs.Network(nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), size=size, **how)


@given(photo=SIDES, recipe=RECIPES, other=RECIPES)
def test_what_a_network_saw_is_what_any_network_of_its_size_sees(photo, recipe, other):
    seen = recipe.crop(open_image(noise(photo)))
    view = open_image(open_image(seen, view=True).png())
    np.testing.assert_array_equal(recipe.crop(view), seen)
    expected = seen if other.size == recipe.size else other.crop(open_image(seen))
    np.testing.assert_array_equal(other.crop(view), expected)
    assert ("used as it is" in other.told(view)["view"]) == (other.size == recipe.size)
    assert other.told(open_image(seen)) == {}


@given(photo=SIDES, recipe=RECIPES, box=st.tuples(*[st.integers(-50, 50)] * 4))
def test_boxes_of_a_view_are_where_they_are_and_of_other_pictures_where_they_were(photo, recipe, box):
    assert recipe.to_seen(recipe.size, box, view=True) == recipe.to_source(recipe.size, box, view=True) == box
    if photo != recipe.size:
        assert recipe.to_seen(photo, box, view=True) == recipe.to_seen(photo, box)
        assert recipe.to_source(photo, box, view=True) == recipe.to_source(photo, box)


def test_a_foreign_picture_of_the_networks_size_is_resized_and_cropped_as_ever():
    """224 × 224 for 224 × 224 after 256 / 224: the middle of what is 256 × 256."""
    pixels = noise((224, 224))
    wanted = PIL.Image.fromarray(pixels).resize((256, 256), PIL.Image.Resampling.BICUBIC).crop((16, 16, 240, 240))
    net = network(224, resize=256 / 224, interpolation="bicubic")
    np.testing.assert_array_equal(net.see(pixels), np.asarray(wanted))
    np.testing.assert_array_equal(net.see(open_image(pixels, view=True)), pixels)


class TestTheViewOfANetwork:
    def test_it_is_what_the_network_sees_as_an_image(self):
        net = network(resize=1.5)
        view = net.view("sample:cat")
        assert view.view and view.reference == "" and view.size == (24, 24)
        np.testing.assert_array_equal(view.pixels, net.see("sample:cat"))
        np.testing.assert_array_equal(net.view(view).pixels, view.pixels)
        with pytest.raises(ValueError, match="read-only"):
            view.pixels[0] = 0

    def test_it_keeps_the_profile_its_numbers_are_of(self):
        profile = bytes(16) + b"RGB " + bytes(108)
        assert network().view(Image(noise((9, 9)), profile=profile)).profile == profile

    def test_every_sample_is_the_same_to_the_bit_when_its_view_is_opened(self, lite0, tmp_path):
        foreign = 0
        for name in cs.samples():
            own = lite0.predict(f"sample:{name}", top=1000)
            path = lite0.view(f"sample:{name}").save(tmp_path / f"{name}.png")
            assert lite0.predict(path, top=1000) == lite0.predict(path.read_bytes(), top=1000) == own
            buffer = io.BytesIO()
            open_image(path).pil().save(buffer, "PNG")
            foreign += lite0.predict(buffer.getvalue())[0][1] != own[0][1]
        assert foreign, "without the mark some are taken for something else"

    def test_photos_of_the_development_data_too(self, lite0, shared):
        source = open_source(str(shared / "data" / "imagenet-500.zip"))
        for number in range(0, 500, 100):
            photo = source.image(source.entry(number))
            assert lite0.predict(lite0.view(photo).png(), top=1000) == lite0.predict(photo, top=1000)


METHODS = {
    "saliency": {},
    "occlusion": {"size": 8, "stride": 8},
    "rise": {"samples": 4},
    "smoothgrad": {"samples": 2},
    "integrated_gradients": {"steps": 2, "limit": 2},
    "perturbation_mask": {"steps": 1},
    "insertion_deletion": {"steps": 2},
    "pointing_game": {},
}


class TestWhatResultsSay:
    @pytest.mark.parametrize("method", METHODS)
    def test_which_way_was_taken_and_the_same_numbers_as_of_the_photo(self, tiny, method):
        net, ask = cs.Network(tiny.module, size=32, resize=1.25), getattr(cs, method)
        unit, knobs = "logits:1", METHODS[method]
        photo, view = (ask(net, image, unit, **knobs) for image in ("sample:cat", net.view("sample:cat")))
        assert view.evidence["view"] == "the picture is a network's view of 32 × 32 px: used as it is"
        np.testing.assert_array_equal(view.seen, photo.seen)
        np.testing.assert_array_equal(view.values, photo.values)
        assert "view" not in photo.evidence and view.request.digest != photo.request.digest

    def test_activations_and_inversions_too(self, tiny):
        net = cs.Network(tiny.module, size=32, resize=1.25)
        view = net.view("sample:cat")
        told = {"view": "the picture is a network's view of 32 × 32 px: used as it is"}
        assert told.items() <= cs.activations(net, view, "0").evidence.items()
        assert told.items() <= cs.invert(net, view, "0", steps=1).evidence.items()
        assert "view" not in cs.activations(net, "sample:cat", "0").evidence

    @pytest.mark.parametrize(("squash", "how"), [(False, "resized and cropped"), (True, "resized")])
    def test_a_view_of_another_size_is_told_of(self, tiny, squash, how):
        net = cs.Network(tiny.module, size=32, squash=squash)
        found = cs.saliency(net, open_image(noise((20, 30)), view=True), "logits:1")
        assert found.evidence["view"] == (
            f"the picture is a network's view of another size (30 × 20, not 32 × 32): {how}"
        )
        np.testing.assert_array_equal(found.seen, net.see(noise((20, 30))))

    def test_a_box_of_the_pointing_game_lies_in_a_view_where_it_is_said_to(self, tiny):
        net = cs.Network(tiny.module, size=32, resize=1.25)
        asked = [cs.pointing_game(net, image, "logits:1", box="4,8,12,20") for image in
                 (net.view("sample:cat"), net.see("sample:cat"))]  # fmt: skip
        assert asked[0].box == (4, 8, 12, 20) and asked[1].box == (1, 6, 11, 21)
