"""What the report says under its figures: what each shows, what to look for, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caption:
    """Three sentences under a figure."""

    shows: str
    look: str
    paper: str


CAPTIONS = {
    "first_weights": Caption(
        "The filters of the first layer, each as the small picture it answers to most; grey is zero.",
        "Edges, color blobs and gratings, smooth and all different. Noise means too little training or regularization; "
        "flat grey tiles are dead filters; filters that repeat are wasted.",
        "Krizhevsky, Sutskever & Hinton 2012, ImageNet classification with deep convolutional neural networks",
    ),
    "weights": Caption(
        "Filters of a layer in the middle of the network; red adds to the filter's answer, blue takes away.",
        "Tiles that belong together form edges and centers; a row of one color passes a channel on or mutes it.",
        "Zeiler & Fergus 2013, Visualizing and understanding convolutional networks",
    ),
    "early_maps": Caption(
        "The channels of an early layer that answer most to this picture, all on one scale.",
        "The picture's shape is still there: edges of one direction, colors, brightness. A tile that is dark for every "
        "picture is a dead channel.",
        "Yosinski et al. 2015, Understanding neural networks through deep visualization",
    ),
    "middle_maps": Caption(
        "The channels of a layer in the middle that answer most, all on one scale.",
        "Textures and parts: a channel lights up where it finds its pattern and rests elsewhere. More zeros than "
        "before are a good sign.",
        "Yosinski et al. 2015, Understanding neural networks through deep visualization",
    ),
    "deep_maps": Caption(
        "The channels of a deep layer that answer most, all on one scale.",
        "A few bright cells on the object: coarse in place, specific in meaning. Most channels should be zero nearly "
        "everywhere.",
        "Zeiler & Fergus 2013, Visualizing and understanding convolutional networks",
    ),
    "saliency": Caption(
        "How the class score changes with each pixel: the plain gradient.",
        "Where the strong pixels lie, rather than their sign: they should lie on the object. Scatter is normal.",
        "Simonyan, Vedaldi & Zisserman 2013, Deep inside convolutional networks",
    ),
    "guided_backprop": Caption(
        "The gradient, kept at each rectifier only where it is positive and the rectifier was open.",
        "Fine lines that raise the score. Pretty, but it hangs more on the picture than on the class: compare classes "
        "before you believe it.",
        "Springenberg et al. 2014, Striving for simplicity: the all convolutional net",
    ),
    "smoothgrad": Caption(
        "The gradient, averaged over noisy copies of the picture.",
        "The same places as in the plain gradient, with less scatter: what is left hangs less on single pixels.",
        "Smilkov et al. 2017, SmoothGrad: removing noise by adding noise",
    ),
    "integrated_gradients": Caption(
        "How much of the rise of the score, from a grey picture to this one, each pixel brings about.",
        "Red and blue that lie on parts of the object. Pixels as grey as the baseline get nothing, whatever they mean.",
        "Sundararajan, Taly & Yan 2017, Axiomatic attribution for deep networks",
    ),
    "gradcam": Caption(
        "Which places of the last maps speak for the class: coarse, but tied to the class.",
        "One region, on the object. If it lies beside the object, the network looks at the surroundings.",
        "Selvaraju et al. 2017, Grad-CAM: visual explanations from deep networks via gradient-based localization",
    ),
    "occlusion": Caption(
        "A patch is laid over every part of the picture. The drop of the score at each pixel, then by the position of "
        "the patch: the score itself, the probability of the class, and the class that is most probable.",
        "A drop where the object is. Where hiding something raises the score, it spoke for another class; the last map "
        "shows where the answer changes.",
        "Zeiler & Fergus 2013, Visualizing and understanding convolutional networks",
    ),
    "project": Caption(
        "The strongest activations of one channel, projected back to the pixels, and the parts they come from.",
        "Structure that the crops share: that is what the channel looks for. Flat grey is what it does not mind.",
        "Zeiler & Fergus 2013, with the rule of Springenberg et al. 2014",
    ),
    "early_patches": Caption(
        "Of each channel of an early layer, the parts of the scanned images that drive it most, best first.",
        "Edges of one direction, and colors: the same in every picture of a strip. A channel that is silent, or whose "
        "pictures have nothing in common, has learned little.",
        "Zeiler & Fergus 2013, Visualizing and understanding convolutional networks",
    ),
    "middle_patches": Caption(
        "Of each channel of a layer in the middle, the parts of the scanned images that drive it most.",
        "Textures and parts of things that the pictures of a strip share. Plain pictures at borders tell of a channel "
        "that answers to the padding.",
        "Yosinski et al. 2015, Understanding neural networks through deep visualization",
    ),
    "deep_patches": Caption(
        "Of each channel of a late layer, the parts of the scanned images that drive it most.",
        "Things of one kind in a strip, however they look. Two kinds in one strip: the channel means more than one.",
        "Yosinski et al. 2015, Understanding neural networks through deep visualization",
    ),
    "patches": Caption(
        "The parts of the scanned images that drive one channel most; under each, what is projected back from it.",
        "What the crops share is what the channel means; what the projections pick out of them is why it fired.",
        "Zeiler & Fergus 2013, with the rule of Springenberg et al. 2014",
    ),
    "connections": Caption(
        "The units of the last layers that gave most to the class score, and what each gave to the next. Where the "
        "pointer rests on an edge, its kernel is told.",
        "Inhibitors beside exciters, and how much is left with all other units at their mean: where circuits of units "
        "by chance keep as much, no few units make the class.",
        "Torralba's DrawNet, for one picture; tested as Rajaram et al. 2024 do",
    ),
    "deconvnet": Caption(
        "The gradient, kept at each rectifier only where it is positive, whether the rectifier was open or not.",
        "Parts of the object, found again through the switches of max-pooling. A network without max-pooling has no "
        "switches: expect a texture that is much the same for every picture.",
        "Zeiler & Fergus 2013, Visualizing and understanding convolutional networks",
    ),
}
