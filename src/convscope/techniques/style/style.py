"""Style transfer: a picture with the content of one picture in the manner of others, coarse to fine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ...base.errors import BadImage, BadKnob
from ...base.image import Image, open_image
from ...base.unit import spanning
from ...contract.images import Pictures, PicturesLike, naming, open_pictures
from ...contract.knobs import Several
from ...contract.subjects import PicturesSubject
from ...contract.technique import technique
from ...execution.features import FeatureExtractor, Precision, looking, painting
from ...network.layer_choice import is_chain
from ...network.network import Network
from ...optimize.resample import picture_to_pixels, to_picture
from ...optimize.tiling import Tiling
from ...results.synthesis import Stylized
from ..common_knobs import Seed
from ..dream.octaves import sizes_taken
from .color import Colors, with_chroma
from .layers import content_of, style_of
from .masks import read_masks
from .presets import StylePreset, StylePresetName, remembering
from .problem import StyleLayers, StylePictures, StyleProblem
from .run import TERMS, StyleRun
from .schedule import (
    Auto,
    Level,
    StyleEffort,
    StyleWeights,
    levels_of,
    preset_with,
    read_blend,
    size_of,
    variants_of,
)
from .statistics import Statistic
from .tiled_features import ActivationSmoothing, TiledFeatures, tile_windows

_LOSSES = {
    (True, False): "relative to their targets",
    (False, False): "means of squares, as in the source",
    (False, True): "sums of squares of maps as of pixels from 0 to 255, as in the source",
}
_SMALL = 224  # longest side of contents and styles as the result shows them

Size: TypeAlias = Annotated[int, Field(ge=32, le=16384)]
Tile: TypeAlias = Annotated[int, Field(ge=128, le=8192)]
Steps: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]
Masks: TypeAlias = Annotated[str, naming(), Several("; ")]
Begin: TypeAlias = Annotated[str, naming("auto", "content", "noise")]
Weight: TypeAlias = Annotated[float, Field(ge=0, le=1e9)]


@technique(
    resumes=True, content=PicturesSubject("content", replaced=True), style=PicturesSubject("style", several=True)
)
def style(
    net: Network,
    content: PicturesLike,
    style: PicturesLike,
    *,
    preset: Annotated[StylePresetName, Field(description="whose recipe: of a paper, a program, or ours")] = "convscope",
    size: Annotated[
        Size | Auto, Field(description="longest side in pixels; auto: the content's, at most 512")
    ] = "auto",
    content_weight: Annotated[Weight | Auto, Field(description="weight of the content; auto: the preset's")] = "auto",
    style_weight: Annotated[Weight | Auto, Field(description="weight of the style; auto: the preset's")] = "auto",
    variation: Annotated[
        Weight | Auto, Field(description="weight of total variation, which smooths; auto: the preset's")
    ] = "auto",
    blend: Annotated[
        str, Field(description="weights of several styles, such as 2;1; empty: all alike"), Several(";")
    ] = "",
    style_scale: Annotated[
        float, Field(ge=0.1, le=10, description="longest side of the styles over that of the picture")
    ] = 1.0,
    content_layers: Annotated[
        str, Field(description="such as relu4_2, or 2*features.20; features.25"), Several("; ")
    ] = "auto",
    style_layers: Annotated[
        str, Field(description="such as relu1_1; 0.5*relu2_1, or layers of the network"), Several("; ")
    ] = "auto",
    statistic: Annotated[Statistic | Auto, Field(description="what makes a style; auto: the preset's")] = "auto",
    smoothing: Annotated[
        Literal["auto", "softmax", "none"],
        Field(description="of activations; auto: softmax for networks that are no plain chain of layers"),
    ] = "auto",
    colors: Annotated[
        Colors, Field(description="whose: luminance keeps the content's, histogram dyes the style in them")
    ] = "style",
    masks: Annotated[Masks, Field(description="where each style holds: a file each, or one of regions, with ;")] = "",
    init: Annotated[Begin, Field(description="auto, content, noise, or a picture to begin with")] = "auto",
    steps: Annotated[Steps | Auto, Field(description="at each size; auto: the preset's")] = "auto",
    scales: Annotated[
        Annotated[int, Field(ge=1, le=16)] | Auto, Field(description="sizes, coarse to fine; auto: the preset's")
    ] = "auto",
    optimizer: Annotated[Literal["auto", "adam", "lbfgs"], Field(description="auto: the preset's")] = "auto",
    tile: Annotated[
        Tile | Auto, Field(description="side in pixels of what is shown to the network at once: it bounds memory")
    ] = "auto",
    preview_sheet: Annotated[bool, Field(description="eight small variants of weight and scale instead")] = False,
    seed: Seed = 0,
    precision: Annotated[Precision, Field(description="auto: bf16 where the processor has it")] = "auto",
) -> Stylized:
    """Paint the content of one picture in the style of another.

    Gatys, Ecker and Bethge 2015, "A neural algorithm of artistic style". The picture x of the least `content_weight` ·
    ‖Φ(x) − Φ(content)‖² / ‖Φ(content)‖² + `style_weight` · the mean over layers of ‖G(x) − G(style)‖² / ‖G(style)‖²,
    where Φ is what a layer makes of a picture and G its Gram matrix: losses relative to their targets mean the same on
    every network. Presets after `neural-style` and Gatys's code take those sources' own means of squares, that after
    Keras' example of 2020 its sums, as of a network that takes pixels from 0 to 255. `content` and
    `style` are a picture or several, in a list or with ; between them; contents are also a folder or a video, each
    picture begun with what was made of the one before. Large pictures are seen in tiles, exactly. Cancelled, the result
    holds what is there; with `cs.checkpoint(folder)` a stopped run goes on. Raises BadImage for a style smaller than
    what a neuron of the deepest layer sees and for masks of another size, BadKnob for weights that add up to nothing.
    """
    photos, painted = open_pictures(content, "content"), open_pictures(style, "style")
    if colors != "style" and net.preprocessing.channels != 3:
        raise BadKnob(f"colors must be style, not {colors}, for {net.name}, which sees none. Leave it out.")
    weights = StyleWeights(content_weight, style_weight, variation, statistic)
    chosen = preset_with(preset, weights, StyleEffort(steps, scales, optimizer))
    layers = StyleLayers(content_of(net, content_layers, chosen), style_of(net, style_layers, chosen))
    deepest = _check_field(net, [*layers.content, *layers.style], painted)
    shares, variants = read_blend(blend, len(painted.images)), variants_of(photos, preview_sheet)
    regions = read_masks(masks, photos.images[0].size, len(painted.images))
    with looking(net, layers.names, painting(net, precision)) as extractor:
        sizes = [size_of(image, size, preview_sheet, chosen.height) for image in photos.images]
        levels = levels_of(chosen, variants, sizes, preview_sheet)
        _check_taken(extractor, levels, size)
        pictures = _pictures(extractor, photos, painted, shares, regions, init if init != "auto" else chosen.begin)
        smoothed = _smoothed(extractor, smoothing, pictures.contents[0])
        longest = max(*(max(one) for one in sizes), math.ceil(max(map(max, sizes)) * style_scale))
        tiles = tile_windows(net, extractor.layers, longest, tile)
        problem = StyleProblem(
            TiledFeatures(extractor, tiles, smoothed),
            chosen,
            layers,
            pictures,
            variants=variants,
            scale=style_scale,
            colors=colors,
            seed=seed,
        )
        optimizing = remembering(chosen.optimizer, [level.size for level in levels], net.preprocessing.channels)
        run = StyleRun(problem, levels, optimizing)
        run.carry_out()
        made = [_finished(picture, problem, levels, k) for k, picture in enumerate(run.all())]
    told = {"preset": preset, "backbone": _backbone(net, smoothed), **layers.evidence, **_weighed(chosen), **deepest}
    told |= _carried_out(run, tiles) | {"precision": "bf16" if extractor.half else "fp32"}
    return Stylized(
        values=run.curve[:, : run.number], unit=spanning(extractor.layers), network=net.name, evidence=told,
        image=made[0], content=_small(photos.images[0]), styles=tuple(_small(image) for image in painted.images),
        frames=tuple(made) if len(variants) > 1 else (),
        labels=tuple(map(str, variants[: len(made)])) if preview_sheet else (),
        profile=photos.images[0].profile, taken=net.preprocessing.size,
    )  # fmt: skip


def _check_field(net: Network, layers: Sequence[str], styles: Pictures) -> dict[str, Any]:
    """The layer that sees furthest; raises BadImage for a style that is smaller than what it sees."""
    order = list(net.layers.including(*layers))
    deepest = max(layers, key=order.index)
    seen = net.receptive_field(f"{deepest}:0")
    side = min(max(seen.size), min(net.preprocessing.size))
    for image in styles.images:
        if min(image.size) < side:
            height, width = image.size
            raise BadImage(
                f"style must be at least {side} pixels wide and high, which is what a neuron of {deepest} sees, not "
                f"{width} × {height}. Use a larger picture, or name shallower style_layers."
            )
    return {"field": f"{max(seen.size)} pixels, of {deepest}"}


def _check_taken(extractor: FeatureExtractor, levels: Sequence[Level], size: int | Auto) -> None:
    needed = list(dict.fromkeys(level.size for level in levels))
    if len(sizes_taken(extractor, needed)) < len(needed):
        raise BadKnob(
            f"{extractor.net.name} must take pictures of {needed[0][1]} × {needed[0][0]} pixels, and does not. Use a "
            "convolutional network, a larger size, or fewer scales."
        )


def _pictures(
    extractor: FeatureExtractor,
    photos: Pictures,
    painted: Pictures,
    shares: Sequence[float],
    regions: Sequence[NDArray[np.float32]],
    begin: str,
) -> StylePictures:
    """All of them as the network takes them, without styles that have no share."""
    take = partial(to_picture, channels=extractor.net.preprocessing.channels, device=extractor.device)
    used = [k for k, share in enumerate(shares) if share > 0]
    contents = [take(image) for image in photos.images]
    return StylePictures(
        contents=contents,
        styles=[take(painted.images[k]) for k in used],
        shares=[shares[k] for k in used],
        regions=[torch.from_numpy(regions[k]).to(extractor.device) for k in used] if regions else [],
        first=contents[0] if begin == "content" else None if begin == "noise" else take(_opened(begin)),
    )


def _opened(begin: str) -> Image:
    try:
        return open_image(begin)
    except BadImage as error:
        raise BadImage(f"init must be auto, content, noise or a picture, not {begin!r}. {error}") from error


def _smoothed(extractor: FeatureExtractor, smoothing: str, content: Tensor) -> ActivationSmoothing | None:
    if smoothing == "softmax" or (smoothing == "auto" and not is_chain(extractor.net)):
        return ActivationSmoothing.of(extractor, content)
    return None


def _finished(picture: Tensor, problem: StyleProblem, levels: Sequence[Level], number: int) -> NDArray[np.float32]:
    """A picture as it is given out, (H, W, 3), in the content's colors where these are kept."""
    last = next(level for level in levels if level.picture == number and level.last)
    if problem.colors == "luminance":
        picture = with_chroma(picture, problem.content(last))
    return picture_to_pixels(picture)


def _small(image: Image) -> NDArray[np.uint8]:
    """A picture as the result shows it beside what was made."""
    picture = image.pil()
    picture.thumbnail((_SMALL, _SMALL))
    return np.asarray(picture)


def _backbone(net: Network, smoothed: ActivationSmoothing | None) -> str:
    if smoothed is None:
        return f"{net.name}, as it is: " + ("a plain chain of layers" if is_chain(net) else "smoothing was not wanted")
    return f"{net.name}, a softmax over the channels of each position: shortcuts make activations peaky (SWAG 2021)"


def _weighed(preset: StylePreset) -> dict[str, Any]:
    return {
        "statistic": preset.statistic,
        "weights": {"content": preset.content, "style": preset.style, "variation": preset.variation},
        "losses": _LOSSES[preset.relative, preset.absolute],
    }


def _carried_out(run: StyleRun, tiles: Tiling) -> dict[str, Any]:
    sizes = [f"{level.size[1]} × {level.size[0]}: {level.steps} steps" for level in run.levels if level.picture == 0]
    told: dict[str, Any] = {
        "sizes": sizes,
        **dict(zip(TERMS, run.curve[:, max(0, run.number - 1)].tolist(), strict=True)),
    }
    if run.optimizer.kind == "lbfgs":
        told["moves"] = f"{run.optimizer.history} are remembered"
    if tiles.halo:
        told["tiles"] = f"of {tiles.window[0]} pixels, shown with {tiles.halo} around what is kept"
    if run.broken:
        return {**told, "not_finite": f"numbers were not finite at {run.broken}: the best picture before is kept"}
    return {**told, **run.work.evidence}
