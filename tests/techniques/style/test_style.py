"""Style transfer as a whole: what is promised of blends, masks, colors, sizes, resuming, and of bad input."""

import copy
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.image import open_image
from convscope.base.progress import Cancelled
from convscope.catalog.rerun import rerun
from convscope.contract.request import Request
from convscope.network.layer_choice import is_chain, vgg_names
from convscope.optimize.resample import luma
from convscope.techniques.style.color import dyed, with_chroma
from convscope.techniques.style.layers import content_of, style_of
from convscope.techniques.style.schedule import STYLE_PRESETS, read_blend, sizes_up

from ...short import random

RNG = np.random.default_rng(0)
CONTENT = np.kron(RNG.integers(0, 256, (8, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
STYLE = RNG.integers(0, 256, (70, 60, 3)).astype(np.uint8)
OTHER = np.kron(RNG.integers(0, 256, (32, 32, 3)), np.ones((2, 2, 1))).astype(np.uint8)
QUICK = {"steps": 3, "scales": 2, "precision": "fp32"}


def blocks(*channels):
    parts = []
    for before, after in zip((3, *channels), channels, strict=False):
        parts += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*parts)


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = blocks(6, 8, 10)
    return cs.Network(module, size=64, name="blocks")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def written(pixels, name, **options):
    PIL.Image.fromarray(pixels).save(name, **options)
    return name


def opened(path):
    with PIL.Image.open(path) as picture:
        picture.load()
        return picture


def files():
    """A content, and two styles large enough for lite0."""
    pictures = {"c.png": CONTENT, "s.png": np.tile(STYLE, (4, 4, 1)), "o.png": np.tile(OTHER, (4, 4, 1))}
    return [written(pixels, name) for name, pixels in pictures.items()]


def test_losses_fall_and_the_picture_is_as_large_as_the_content(net):
    found = cs.style(net, CONTENT, STYLE, steps=15, scales=2)
    assert found.image.shape == (64, 96, 3) and found.image.dtype == np.float32
    assert found.values.shape == (3, 30)
    assert found.values[:, 29].sum() < 0.5 * found.values[:, 15].sum() and found.values[:2].max() > 0
    assert found.evidence["sizes"] == ["48 × 32: 15 steps", "96 × 64: 15 steps"]
    assert found.evidence["content"] == found.values[0, -1]


def test_any_size_is_made_coarse_to_fine(net):
    assert cs.style(net, CONTENT, STYLE, size=150, **QUICK).image.shape == (100, 150, 3)
    assert sizes_up((384, 512), 128, 2, 16) == [(96, 128), (192, 256), (384, 512)]
    assert sizes_up((384, 512), 128, 2**0.5, 3) == [(192, 256), (272, 362), (384, 512)]


def test_a_blend_of_one_and_nothing_is_the_single_style_to_the_byte(net):
    both = cs.style(net, CONTENT, [STYLE, OTHER], blend="1;0", **QUICK)
    alone, other = cs.style(net, CONTENT, STYLE, **QUICK), cs.style(net, CONTENT, OTHER, **QUICK)
    assert both.image.tobytes() == alone.image.tobytes() != other.image.tobytes()
    mixed = cs.style(net, CONTENT, [STYLE, OTHER], blend="1;1", **QUICK)
    assert np.array_equal(mixed.image, cs.style(net, CONTENT, [STYLE, OTHER], **QUICK).image)
    assert not np.array_equal(mixed.image, alone.image)


def test_a_mask_of_one_region_is_no_mask_to_the_byte(net):
    white = written(np.full((64, 96, 3), 255, np.uint8), "white.png")
    assert np.array_equal(
        cs.style(net, CONTENT, STYLE, masks=white, **QUICK).image, cs.style(net, CONTENT, STYLE, **QUICK).image
    )


def test_regions_are_one_picture_from_dark_to_light_or_a_file_each(net):
    left = np.zeros((64, 96, 3), np.uint8)
    left[:, :48] = 255
    files = f"{written(left, 'left.png')}; {written(255 - left, 'right.png')}"
    apart = cs.style(net, CONTENT, [STYLE, OTHER], masks=files, **QUICK)
    together = cs.style(net, CONTENT, [STYLE, OTHER], masks=written(255 - left, "regions.png"), **QUICK)
    assert np.array_equal(apart.image, together.image)
    swapped = cs.style(net, CONTENT, [OTHER, STYLE], masks=files, **QUICK)
    assert not np.array_equal(apart.image, swapped.image)
    assert set(apart.request.inputs) == {"left.png", "right.png"}


def test_luminance_keeps_the_contents_chroma_exactly(net):
    found = cs.style(net, CONTENT, STYLE, colors="luminance", **QUICK)
    for pixels in (np.rint(found.image * 255), np.asarray(found.picture()).astype(int)):
        assert np.array_equal(np.diff(pixels, axis=2), np.diff(CONTENT.astype(int), axis=2))
    assert np.abs(np.rint(found.image * 255) - CONTENT).max() > 3
    plain = cs.style(net, CONTENT, STYLE, **QUICK)
    assert not np.array_equal(np.diff(np.rint(plain.image * 255), axis=2), np.diff(CONTENT.astype(int), axis=2))


def test_luminance_is_the_pictures_where_the_colors_allow_it():
    torch.manual_seed(0)
    content, picture = torch.full((1, 3, 4, 4), 102 / 255), torch.rand(1, 3, 4, 4)
    assert torch.allclose(luma(with_chroma(picture, content)), luma(picture), atol=2e-5)
    assert with_chroma(picture, torch.rand(1, 3, 4, 4)).min() >= 0


def test_a_dyed_style_has_the_contents_mean_and_covariance():
    torch.manual_seed(0)
    content, style = (0.3 + 0.1 * torch.randn(1, 3, 90, 90)).clamp(0, 1), 0.4 + 0.2 * torch.rand(1, 3, 80, 70)
    a, b = (x[0].flatten(1).double() for x in (dyed(style, content), content))
    assert torch.allclose(a.mean(1), b.mean(1), atol=2e-3) and torch.allclose(torch.cov(a), torch.cov(b), atol=1e-3)


def test_a_histogram_brings_the_contents_colors(net):
    red = np.stack([STYLE[..., 0], STYLE[..., 1] // 8, STYLE[..., 2] // 8], -1)
    grey = np.repeat(CONTENT[..., :1], 3, 2)
    kept, painted = (
        cs.style(net, grey, red, colors=how, content_weight=0.01, steps=40, scales=1).image
        for how in ("histogram", "style")
    )
    assert np.ptp(kept.mean((0, 1))) < 0.5 * np.ptp(painted.mean((0, 1)))


@pytest.mark.parametrize(
    ("preset", "optimizer"),
    [
        ("convscope", "lbfgs"),
        ("crowson", "adam"),
        pytest.param("convscope", "adam", marks=pytest.mark.sweep),
        pytest.param("crowson", "lbfgs", marks=pytest.mark.sweep),
    ],
)
def test_a_stopped_run_goes_on_to_the_same_bytes(net, optimizer, preset):
    asked = {"optimizer": optimizer, "preset": preset, "steps": 20, "scales": 2, "precision": "fp32"}
    whole = cs.style(net, CONTENT, STYLE, **asked)
    assert whole.values.shape == (3, 40)

    class Stopped(Exception):
        pass

    for stop in (18, 33):  # within the first size, and within the second

        def listen(step, total, preview, stop=stop):
            if step == stop:
                raise Stopped

        with pytest.raises(Stopped), cs.checkpoint("state"), cs.listening(listen):
            cs.style(net, CONTENT, STYLE, **asked)
    seen = []
    with cs.checkpoint("state"):
        again = cs.style(net, CONTENT, STYLE, **asked)
    assert again.image.tobytes() == whole.image.tobytes() and again.values.tobytes() == whole.values.tobytes()
    assert not seen and again.save("a.png").read_bytes() == whole.save("b.png").read_bytes()


def test_cancelled_it_keeps_the_best_so_far(net):
    previews = []

    def listen(step, total, preview):
        previews.append(preview.shape)
        if step == 5:
            raise Cancelled

    with cs.listening(listen):
        found = cs.style(net, CONTENT, STYLE, steps=4, scales=2)
    assert found.image.shape == (64, 96, 3) and found.values.shape == (3, 5)
    assert previews[0] == (32, 48, 3) and previews[-1] == (64, 96, 3)
    assert found.evidence["partial"] == "cancelled after 5 of 8 steps"


def test_style_scale_weights_and_variation_do_what_they_say(net):
    def ended(**knobs):
        return cs.style(net, CONTENT, STYLE, steps=15, scales=1, **knobs)

    assert ended(content_weight=20).evidence["content"] / 20 < ended(content_weight=0.1).evidence["content"] / 0.1
    smooth, plain = ended(variation=1.0), ended()
    assert np.abs(np.diff(smooth.image, axis=1)).mean() < np.abs(np.diff(plain.image, axis=1)).mean()
    assert not np.array_equal(ended(style_scale=0.5).image, plain.image)


def test_it_begins_with_the_content_with_noise_or_with_a_picture(net):
    def began(init):
        return cs.style(net, CONTENT, STYLE, init=init, content_weight=0.5, **{**QUICK, "steps": 1})

    assert began("content").values[0, 0] == 0 and began("noise").values[0, 0] > 0.01
    assert began(written(CONTENT, "c.png")).values[0, 0] == 0
    assert began(written(OTHER, "o.png")).values[0, 0] > 0.01


@pytest.mark.parametrize("preset", STYLE_PRESETS)
def test_every_preset_paints(net, preset):
    found = cs.style(net, CONTENT, STYLE, preset=preset, steps=15, size=64)
    assert found.evidence["preset"] == preset and np.isfinite(found.values).all()
    assert found.values[:, -1].sum() < found.values[:, 0].sum()
    assert found.evidence["statistic"] == STYLE_PRESETS[preset].statistic


def test_constants_are_the_sources_own():
    nsp, gatys, crowson = STYLE_PRESETS["neural-style"], STYLE_PRESETS["gatys2016"], STYLE_PRESETS["crowson"]
    assert (nsp.content, nsp.style / 5, nsp.variation, nsp.steps, nsp.optimizer.history) == (5, 100, 1e-3, (1000,), 100)
    assert (gatys.content, gatys.style / 5, gatys.steps) == (1, 1e3, (500, 200))
    assert (crowson.content, crowson.depths, crowson.averaging) == (0.015, (256, 64, 16, 4, 1), 0.99)
    assert (crowson.optimizer.rate, crowson.optimizer.betas, crowson.steps) == (0.02, (0.9, 0.99), (1000, 500))


def test_several_contents_give_a_picture_each_begun_with_the_one_before(net, monkeypatch):
    moved = np.roll(CONTENT, 2, 1)
    found = cs.style(net, [CONTENT, moved, CONTENT[:, :80]], STYLE, **QUICK)
    assert [frame.shape for frame in found.frames] == [(64, 96, 3), (64, 96, 3), (64, 80, 3)]
    alone = cs.style(net, CONTENT, STYLE, **QUICK)
    assert np.array_equal(found.frames[0], alone.image) and np.array_equal(found.image, found.frames[0])
    assert found.values.shape == (3, 6 + 3 + 3)
    with zipfile.ZipFile(found.save("all.zip")) as file:
        assert file.namelist() == ["00001.png", "00002.png", "00003.png"]
        assert PIL.Image.open(file.open("00003.png")).size == (80, 64)
    with pytest.raises(cs.ConvscopeError, match=r"must end in \.zip, \.mp4"):
        found.save("one.png")
    with pytest.raises(cs.ConvscopeError, match="pictures of one size"):
        found.save("film.mp4")


def test_the_next_picture_goes_on_from_the_style_of_the_one_before(net):
    losses = cs.style(net, [CONTENT, CONTENT], STYLE, steps=15, scales=1).values
    assert losses[1, 15] < 1.2 * losses[1, 14] < 0.6 * losses[1, 0]
    moved = cs.style(net, [CONTENT, np.roll(CONTENT, 4, 1)], STYLE, steps=15, scales=1).values
    assert moved[1, 15] < 0.7 * moved[1, 0] and moved[0, 15] > 0


def test_a_folder_and_a_video_are_contents_and_a_video_comes_out(net, tmp_path):
    import av

    (tmp_path / "shots").mkdir()
    for k in range(3):
        written(np.roll(CONTENT, k, 1), tmp_path / "shots" / f"{k}.png")
    found = cs.style(net, "shots", STYLE, **QUICK)
    film = found.save("film.mp4", fps=10)
    with av.open(str(film)) as container:
        assert json.loads(container.metadata["comment"])["technique"] == "style"
        assert len(list(container.decode(video=0))) == 3
    again = cs.style(net, "film.mp4", STYLE, **QUICK)
    assert len(again.frames) == 3 and again.request.subjects["content"]["reference"] == "film.mp4"


def test_sixteen_bits_and_the_profile_are_kept_on_request(net):
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    source = written(CONTENT, "profiled.png", icc_profile=profile)
    found = cs.style(net, source, STYLE, **QUICK)
    deep = found.save("deep.png", depth=16, profile=True).read_bytes()
    assert deep[24] == 16
    assert opened("deep.png").info["icc_profile"] == profile
    assert "icc_profile" not in opened(found.save("plain.png")).info
    start = deep.index(b"IDAT") + 4
    rows = np.frombuffer(zlib.decompressobj().decompress(deep[start:]), np.uint8).reshape(64, -1)
    assert (rows[:, 0] == 2).all()
    numbers = np.add.accumulate(rows[:, 1:], axis=0, dtype=np.uint8)
    assert np.array_equal(numbers.view(">u2").reshape(64, 96, 3), np.rint(found.image.astype(float) * 65535))
    plain = np.asarray(opened("plain.png"))
    assert np.array_equal(plain, np.rint(found.image * 255))


def test_a_picture_of_the_size_the_network_takes_is_saved_as_its_view_and_a_figure_is_not(net):
    square = cs.Network(net.module, size=64, mean=net.preprocessing.mean, std=net.preprocessing.std, resize=1.25)
    found = cs.style(square, CONTENT[:, :64], STYLE, **QUICK)
    view = open_image(found.save("view.png"))
    assert view.view and np.array_equal(square.see("view.png"), np.rint(found.image.astype(float) * 255))
    assert not open_image(found.save("figure.png", figure=True)).view
    assert not open_image(found.save("deep.png", depth=16)).view
    several = cs.style(square, [CONTENT[:, :64], CONTENT], STYLE, **QUICK)
    with zipfile.ZipFile(several.save("all.zip")) as file:
        assert [open_image(file.read(name)).view for name in file.namelist()] == [True, False]


def test_a_preview_sheet_is_eight_small_variants_in_one_picture(net):
    found = cs.style(net, CONTENT, STYLE, preview_sheet=True, **QUICK)
    assert len(found.frames) == len(set(found.labels)) == 8
    assert len({frame.tobytes() for frame in found.frames}) == 8
    assert found.picture().width > 500


def test_a_picture_holds_its_request_which_makes_it_again(net):
    lite = cs.load("lite0")
    content, style, other = files()
    found = cs.style(lite, content, [style, other], steps=2, size=64)
    text = opened(found.save("out.png", depth=8)).text["convscope"]
    request = Request.from_json(text)
    assert request.subjects["style"]["reference"] == "s.png; o.png" and len(request.subjects["style"]["digest"]) == 64
    again = rerun(request)
    assert np.array_equal(again.image, found.image)
    assert again.save("again.png", depth=8).read_bytes() == Path("out.png").read_bytes()
    written(OTHER, "s.png")
    with pytest.raises(cs.ConvscopeError, match="contents changed"):
        rerun(request)


def test_the_command_line_takes_several_styles(net):
    from click.testing import CliRunner

    from convscope.fronts.cli.main import convscope

    files()
    words = ["style", "lite0", "c.png", "s.png", "o.png", "--steps", "2", "--size", "64", "--blend", "2;1", "--json"]
    ran = CliRunner().invoke(convscope, [*words, "-o", "out.png", "--colors", "luminance", "--depth", "16"])
    assert ran.exit_code == 0, ran.output
    direct = cs.style(cs.load("lite0"), "c.png", ["s.png", "o.png"], steps=2, size=64, blend="2;1", colors="luminance")
    assert json.loads(ran.output)["digest"] == direct.request.digest
    assert Path("out.png").read_bytes()[24] == 16


def test_layers_of_chains_go_by_the_literatures_names_and_others_by_size():
    vgg = cs.Network(random("vgg16"))
    recipe = STYLE_PRESETS["crowson"]
    assert is_chain(vgg) and vgg_names(vgg)["relu4_2"] == "features.20"
    assert list(style_of(vgg, "auto", recipe)) == [f"features.{n}" for n in (1, 6, 11, 18, 25)]
    assert list(style_of(vgg, "auto", recipe).values()) == [256, 64, 16, 4, 1]
    assert content_of(vgg, "auto", recipe) == {"features.20": 1}
    assert content_of(vgg, "auto", STYLE_PRESETS["chollet-style"]) == {"features.27": 1}
    assert style_of(vgg, "2*relu1_1; features.11", recipe) == {"features.1": 2, "features.11": 1}
    lite = cs.load("lite0")
    assert not is_chain(lite) and not vgg_names(lite)
    sides = [lite.layers[name].shape[1] for name in style_of(lite, "auto", recipe)]
    assert sides == [112, 56, 28, 14] and [lite.layers[n].shape[1] for n in content_of(lite, "auto", recipe)] == [28]
    deep = content_of(lite, "auto", STYLE_PRESETS["chollet-style"])
    assert [lite.layers[n].shape[1] for n in deep] == [14]


def test_keras_example_step_by_step():
    """Written down from its description, in its space from 0 to 255 less a mean, which its network takes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = blocks(6, 8)[:5]
        for conv in (module[0], module[3]):
            conv.weight.data *= 3  # else roughness is all that counts
    mean = (0.4, 0.5, 0.6)
    net = cs.Network(copy.deepcopy(module), size=32, mean=mean, std=(1 / 255,) * 3, name="keras")
    pixels = cs.open_image("sample:cat").pixels[60:100, 60:108]  # a photo: where all is flat, pooled maxima are ties
    painting = np.kron(RNG.integers(0, 256, (10, 12, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    asked = {"content_layers": "4", "style_layers": "1; 4", "steps": 6, "size": 48, "precision": "fp32"}
    found = cs.style(net, pixels, painting, preset="chollet-style", **asked)
    module.double()
    content, style = (torch.tensor(p).permute(2, 0, 1)[None].double() for p in (pixels, painting))
    less = 255 * torch.tensor(mean).double()[:, None, None]

    def gram(maps):
        return maps[0].flatten(1) @ maps[0].flatten(1).T

    def losses(x):
        y = x - less
        kept = 2.5e-8 * (module(y) - module(content - less)).square().sum()
        painted = sum(
            1e-6 / 2 * (gram(part(style - less)) - gram(part(y))).square().sum() / (4 * 3**2 * (40 * 48) ** 2)
            for part in (module[:2], module)
        )
        down, across = x[..., :-1, :-1] - x[..., 1:, :-1], x[..., :-1, :-1] - x[..., :-1, 1:]
        return kept, painted, 1e-6 * (down.square() + across.square() + 1e-30).pow(1.25).sum()

    x, curve = content, []
    for step in range(6):
        x = x.detach().requires_grad_()
        terms = losses(x)
        curve.append([term.item() for term in terms])
        x = x - 100 * 0.96 ** (step / 100) * torch.autograd.grad(sum(terms), x)[0]
    assert np.allclose(found.values.T, curve, rtol=1e-3, atol=1e-6) and sum(curve[-1]) < sum(curve[0])
    assert np.abs(found.image * 255 - x[0].detach().permute(1, 2, 0).clamp(0, 255).numpy()).max() < 0.02
    assert (x.detach() - content).abs().max() > 1 and "sums" in found.evidence["losses"]


def test_networks_with_shortcuts_are_softened_and_the_evidence_says_so(net):
    lite = cs.load("lite0")
    painting = np.tile(STYLE, (4, 4, 1))
    soft, plain = (cs.style(lite, CONTENT, painting, smoothing=how, **QUICK) for how in ("auto", "none"))
    assert "softmax" in soft.evidence["backbone"] and "as it is" in plain.evidence["backbone"]
    assert not np.array_equal(soft.image, plain.image)
    assert "plain chain" in cs.style(net, CONTENT, STYLE, **QUICK).evidence["backbone"]


def test_a_mask_of_other_contents_is_another_request_and_is_not_taken_for_the_same():
    lite, asked = cs.load("lite0"), {"masks": "mask.png", "init": "o.png", "steps": 1, "scales": 1, "size": 64}
    files()
    left = np.zeros((64, 96, 3), np.uint8)
    left[:, :48] = 255
    written(left, "mask.png")
    request = cs.style.request(lite, "c.png", "s.png", **asked)
    assert list(request.inputs) == ["mask.png", "o.png"] and request.inputs["o.png"] == open_image("o.png").digest
    assert Request.from_json(request.to_json()) == request
    assert rerun(request).request.digest == request.digest
    written(255 - left, "mask.png")
    assert cs.style.request(lite, "c.png", "s.png", **asked).digest != request.digest
    with pytest.raises(cs.ConvscopeError, match=r"'mask\.png' is not what it was"):
        rerun(request)
    Path("mask.png").unlink()
    with pytest.raises(cs.ConvscopeError, match=r"'mask\.png' is not what it was"):
        rerun(request)


def refused(net, words, content=CONTENT, style=STYLE, **knobs):
    with pytest.raises(cs.ConvscopeError, match=words) as caught:
        cs.style(net, content, style, **{**QUICK, **knobs})
    assert " not " in str(caught.value) and str(caught.value).endswith(".")


def test_bad_input_is_refused_in_a_sentence(net):
    small = np.zeros((32, 48, 3), np.uint8)
    refused(net, "style must be at least 18 pixels wide and high.* not 48 × 9", style=small[:9])
    black, white = written(np.zeros_like(CONTENT), "black.png"), written(np.full_like(CONTENT, 255), "white.png")
    refused(net, "as large as the content, 96 × 64 pixels, not 48 × 32", masks=written(small, "small.png"))
    refused(net, "must not overlap", style=[STYLE, OTHER], masks=f"{white};{white}")
    refused(net, "must be white somewhere, not black.png", masks=black)
    refused(
        net,
        "masks must be one for each of 3 styles, or one picture of regions, not 2",
        style=[STYLE, OTHER, STYLE],
        masks=f"{black};{white}",
    )
    refused(net, "as many shades as there are styles, 2, not 1", style=[STYLE, OTHER], masks=white)
    refused(net, "add up to zero, not '0;0'", style=[STYLE, OTHER], blend="0;0")
    refused(net, "blend must have a weight for each of 1 styles, not 2", blend="1;2")
    refused(net, "blend must be numbers .* not 'x'", blend="x")
    refused(net, "must not both be 0", content_weight=0, style_weight=0)
    refused(net, "style_layers must name a layer with a weight above zero, not '0\\*1'", style_layers="0*1")
    with pytest.raises(cs.ConvscopeError, match="has no layer 'relu9_9'"):
        cs.style(net, CONTENT, STYLE, style_layers="relu9_9")
    refused(net, "style must be at least one picture, not an empty", style=[])


def test_an_output_that_cannot_hold_what_was_asked_is_refused(net):
    found = cs.style(net, CONTENT, STYLE, **QUICK)
    with pytest.raises(cs.ConvscopeError, match=r"must end in .png, .npz or .json, not 'x.jpg'"):
        found.save("x.jpg")
    with pytest.raises(cs.ConvscopeError, match="must be of a picture alone, not of a figure"):
        found.save("x.png", figure=True, depth=16)
    film = cs.style(net, [CONTENT, CONTENT], STYLE, **QUICK)
    with pytest.raises(cs.ConvscopeError, match="8 bits a color, not depth=16"):
        film.save("x.mp4", depth=16)


def test_blends_add_up_to_one():
    assert read_blend("2;1;1", 3) == [0.5, 0.25, 0.25] and read_blend("", 2) == [0.5, 0.5]
