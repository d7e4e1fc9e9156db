"""Style transfer: a picture with the content of one picture in the manner of others, coarse to fine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
from ...network.network import Network
from ...optimize.resample import picture_to_pixels, to_picture
from ...optimize.tiling import Tiling
from ...results.synthesis import Stylized
from ..common_knobs import Seed
from ..dream.octaves import sizes_taken
from .color import Colors, with_chroma
from .layers import content_of, is_chain, style_of
from .masks import read_masks
from .presets import StylePreset, StylePresetName, remembering
from .problem import StyleProblem
from .pyramid import TERMS, Climbing, Level
from .schedule import Auto, chosen, jobs_of, levels_of, read_blend, size_of
from .statistics import Statistic
from .tiled_features import Softening, TiledFeatures, tile_windows

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
    every network. Presets after `neural-style` and Gatys's code take those sources' own means of squares. `content` and
    `style` are a picture or several, in a list or with ; between them; contents are also a folder or a video, each
    picture begun with what was made of the one before. Large pictures are seen in tiles, exactly. Cancelled, the result
    holds what is there; with `cs.checkpoint(folder)` a stopped run goes on. Raises BadImage for a style smaller than
    what a neuron of the deepest layer sees and for masks of another size, BadKnob for weights that add up to nothing.
    """
    photos, paintings = open_pictures(content, "content"), open_pictures(style, "style")
    if colors != "style" and net.preprocessing.channels != 3:
        raise BadKnob(f"colors must be style, not {colors}, for {net.name}, which sees none. Leave it out.")
    recipe = chosen(preset, content_weight, style_weight, variation, statistic, steps, scales, optimizer)
    layers = content_of(net, content_layers), style_of(net, style_layers, recipe)
    deepest = _check_field(net, [*layers[0], *layers[1]], paintings)
    shares, jobs = read_blend(blend, len(paintings.images)), jobs_of(photos, preview_sheet)
    masked = read_masks(masks, photos.images[0].size, len(paintings.images))
    used = [k for k, share in enumerate(shares) if share > 0]
    with looking(net, list(layers[0] | layers[1]), painting(net, precision)) as eye:
        take = partial(to_picture, channels=net.preprocessing.channels, device=eye.device)
        contents, styles = [take(image) for image in photos.images], [take(paintings.images[k]) for k in used]
        sizes = [size_of(image, size, preview_sheet) for image in photos.images]
        levels = levels_of(recipe, jobs, sizes, preview_sheet)
        _check_taken(eye, levels, size)
        softened = Softening.of(eye, contents[0]) if _softens(net, smoothing) else None
        longest = max(*(max(one) for one in sizes), math.ceil(max(map(max, sizes)) * style_scale))
        tiles = tile_windows(net, eye.layers, longest, tile)
        studio = StyleProblem(
            TiledFeatures(eye, tiles, softened), recipe, *layers, contents, styles, [shares[k] for k in used],
            [torch.from_numpy(masked[k]).to(eye.device) for k in used] if masked else [], jobs, style_scale, colors,
            _first(init, recipe, contents[0], take), seed,
        )  # fmt: skip
        climb = remembering(recipe.climb, [level.size for level in levels], net.preprocessing.channels)
        work = Climbing(studio, levels, climb, seed, recipe.averaging, eye.device)
        work.carry_out()
        made = [_finished(picture, studio, levels, k) for k, picture in enumerate(work.all())]
    told = {"preset": preset, "backbone": _backbone(net, softened), **_weighed(recipe, *layers), **deepest}
    told |= _carried_out(work, tiles, levels) | {"precision": "bf16" if eye.half else "fp32"}
    return Stylized(
        values=work.curve[:, : work.steps], unit=spanning(eye.layers), network=net.name, evidence=told,
        image=made[0], content=_small(photos.images[0]), styles=tuple(_small(image) for image in paintings.images),
        frames=tuple(made) if len(jobs) > 1 else (), labels=tuple(map(str, jobs[: len(made)])) if preview_sheet else (),
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


def _check_taken(eye: FeatureExtractor, levels: Sequence[Level], size: int | Auto) -> None:
    needed = list(dict.fromkeys(level.size for level in levels))
    if len(sizes_taken(eye, needed)) < len(needed):
        raise BadKnob(
            f"{eye.net.name} must take pictures of {needed[0][1]} × {needed[0][0]} pixels, and does not. Use a "
            "convolutional network, a larger size, or fewer scales."
        )


def _softens(net: Network, smoothing: str) -> bool:
    return smoothing == "softmax" or (smoothing == "auto" and not is_chain(net))


def _first(init: str, recipe: StylePreset, content: Tensor, take: Callable[[Image], Tensor]) -> Tensor | None:
    begin = recipe.begin if init == "auto" else init
    if begin == "noise":
        return None
    if begin == "content":
        return content
    try:
        return take(open_image(begin))
    except BadImage as error:
        raise BadImage(f"init must be auto, content, noise or a picture, not {begin!r}. {error}") from error


def _finished(picture: Tensor, studio: StyleProblem, levels: Sequence[Level], number: int) -> NDArray[np.float32]:
    """A picture as it is given out, (H, W, 3), in the content's colors where these are kept."""
    last = next(level for level in levels if level.picture == number and level.last)
    if studio.colors == "luminance":
        picture = with_chroma(picture, studio.content(last))
    return picture_to_pixels(picture)


def _small(image: Image) -> NDArray[np.uint8]:
    """A picture as the result shows it beside what was made."""
    picture = image.pil()
    picture.thumbnail((_SMALL, _SMALL))
    return np.asarray(picture)


def _backbone(net: Network, softened: Softening | None) -> str:
    if softened is None:
        return f"{net.name}, as it is: " + ("a plain chain of layers" if is_chain(net) else "smoothing was not wanted")
    return f"{net.name}, a softmax over the channels of each position: shortcuts make activations peaky (SWAG 2021)"


def _weighed(recipe: StylePreset, content: Mapping[str, float], style: Mapping[str, float]) -> dict[str, Any]:
    return {
        "content_layers": dict(content), "style_layers": dict(style), "statistic": recipe.statistic,
        "weights": {"content": recipe.content, "style": recipe.style, "variation": recipe.variation},
        "losses": "relative to their targets" if recipe.relative else "means of squares, as in the source",
    }  # fmt: skip


def _carried_out(work: Climbing, tiles: Tiling, levels: Sequence[Level]) -> dict[str, Any]:
    sizes = [f"{level.size[1]} × {level.size[0]}: {level.steps} steps" for level in levels if level.picture == 0]
    told: dict[str, Any] = {
        "sizes": sizes,
        **dict(zip(TERMS, work.curve[:, max(0, work.steps - 1)].tolist(), strict=True)),
    }
    if work.climb.optimizer == "lbfgs":
        told["moves"] = f"{work.climb.history} are remembered"
    if tiles.halo:
        told["tiles"] = f"of {tiles.window[0]} pixels, shown with {tiles.halo} around what is kept"
    if work.broken:
        return {**told, "not_finite": f"numbers were not finite at {work.broken}: the best picture before is kept"}
    return {**told, **work.work.evidence}
