"""Parts of small modules that do what real ones do and tables of layers trip over.

`Codes` carries a tensor of codes, channel · 10,000 + row · 100 + column of the picture, through the very moves the
module makes of its maps, so that every output can be put back in place without the library's help.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

LOST = -1  # the code of what is no place of the picture, such as an added token


class Real:
    """Runs the parts of a block on numbers."""

    def __call__(self, part, x):
        return part(x)

    def apply(self, function, *tensors):
        return function(*tensors)

    lost = apply


@dataclass
class Codes:
    """Runs the moves of a block on codes; `seen` are those of each module's last output."""

    names: dict
    seen: dict = field(default_factory=dict)

    def __call__(self, part, code):
        if isinstance(part, Block):
            found = part.flow(code, self)
        elif isinstance(part, nn.Conv2d):
            found = _channels(_strided(code[:, :1], part.stride[0]), part.in_channels, part.out_channels, 1)
        elif isinstance(part, nn.Linear):
            found = _channels(code[..., :1], part.in_features, part.out_features, -1)
        elif isinstance(part, nn.Sequential):
            for inner in part:
                code = self(inner, code)
            found = code
        else:
            found = code  # norms and rectifiers: each number stays in place
        self.seen[self.names[part]] = found
        return found

    def apply(self, _function, *codes):
        assert all(torch.equal(code, codes[0]) for code in codes)
        return codes[0]

    def lost(self, function, *codes):
        return torch.full_like(function(*(code.double() for code in codes)), LOST).long()


def _channels(first, taken, made, axis):
    """Codes of the channels that a layer makes of so many, from those of the first; there are several lots of heads."""
    shape = [1] * first.ndim
    shape[axis] = made
    channels = first // 10000 // taken * made + torch.arange(made).view(shape)
    return torch.where(first < 0, LOST, first % 10000 + 10000 * channels)


def _strided(code, stride):
    kept, places = code[..., ::stride, ::stride], code[..., ::stride, ::stride] % 10000
    return kept - places + places // 100 // stride * 100 + places % 100 // stride


class Block(nn.Module):
    """A part whose forward is `flow`, on numbers or on codes."""

    def forward(self, x):
        return self.flow(x, Real())


class Wrapped(Block):
    """Moves there, some parts, and the moves back."""

    def __init__(self, *parts):
        super().__init__()
        self.inner = nn.Sequential(*parts)


class Windows(Wrapped):
    """2 × 2 windows folded into the batch, rolled first as in every second block of a Swin."""

    shift = 0
    grid = False

    def flow(self, x, run):
        n, c, h, w = x.shape
        x = x.roll((-self.shift, -self.shift), (2, 3)).permute(0, 2, 3, 1)
        x = x.reshape(n, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 2, 2, c)
        x = run(self.inner, x if self.grid else x.reshape(-1, 4, c))
        x = x.reshape(n, h // 2, w // 2, 2, 2, -1).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, -1)
        return x.permute(0, 3, 1, 2).roll((self.shift, self.shift), (2, 3))


class GridWindows(Windows):
    grid = True


class ShiftedWindows(Windows):
    shift = 1


class MapWindows(Wrapped):
    """Windows folded into the batch, as maps that a convolution runs on."""

    def flow(self, x, run):
        n, c, h, w = x.shape
        x = x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(-1, c, 2, 2)
        x = run(self.inner, x)
        return x.reshape(n, h // 2, w // 2, -1, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(n, -1, h, w)


class Tokens(Wrapped):
    def flow(self, x, run):
        _, _, h, w = x.shape
        x = run(self.inner, x.flatten(2).transpose(1, 2))
        return x.transpose(1, 2).unflatten(2, (h, w))


class ClassToken(Wrapped):
    """A token that is no place, added before and dropped after."""

    def flow(self, x, run):
        _, _, h, w = x.shape
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([run.lost(lambda x: x[:, :1] * 0 + 0.5, x), x], 1)
        return run(self.inner, x)[:, 1:].transpose(1, 2).unflatten(2, (h, w))


class Attention(Block):
    """Tokens weighed by a matrix of tokens by tokens, which a module of its own puts out."""

    def __init__(self, c):
        super().__init__()
        self.two, self.soft, self.out = nn.Linear(c, c), nn.Softmax(-1), nn.Linear(c, c)

    def flow(self, x, run):
        _, _, h, w = x.shape
        x = x.flatten(2).transpose(1, 2)
        matrix = run(self.soft, run.lost(lambda a, b: a @ b.transpose(1, 2), x, run(self.two, x)))
        x = run.apply(lambda x: matrix @ x, x)
        return run(self.out, x).transpose(1, 2).unflatten(2, (h, w))


class Last(Wrapped):
    def flow(self, x, run):
        return run(self.inner, x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Transposed(Wrapped):
    """Works on the transposed map, and gives it back."""

    def flow(self, x, run):
        return run(self.inner, x.transpose(2, 3)).transpose(2, 3)


class Turned(Block):
    def flow(self, x, run):
        return x.transpose(2, 3).contiguous()


class Heads(Wrapped):
    """Halves of the channels folded into the batch."""

    def flow(self, x, run):
        n, c, h, w = x.shape
        return run(self.inner, x.reshape(n * 2, c // 2, h, w)).reshape(n, -1, h, w)


class Flips(Wrapped):
    def flow(self, x, run):
        x = run(self.inner, torch.cat([x, x.flip(3)]))
        one, other = x.chunk(2)
        return run.apply(lambda a, b: (a + b) / 2, one, other.flip(3))


class Residual(Wrapped):
    def flow(self, x, run):
        return run.apply(torch.add, x, run(self.inner, x))


class Overwritten(Wrapped):
    """A rectifier that writes on what the layer before it put out."""

    def flow(self, x, run):
        return run.apply(lambda x: F.relu(x, inplace=True), run(self.inner, x))


class Functional(Block):
    def flow(self, x, run):
        return run.apply(lambda x: F.relu(x), x)


class Twice(Block):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 1)

    def flow(self, x, run):
        return run(self.conv, run(self.conv, x))


class Unsaved(Block):
    """A buffer that is not saved, and one that each forward changes."""

    def __init__(self, c):
        super().__init__()
        self.register_buffer("scale", torch.linspace(-1, 1.5, c).view(1, c, 1, 1), persistent=False)
        self.register_buffer("seen", torch.zeros(()), persistent=False)

    def flow(self, x, run):
        if isinstance(run, Codes):
            return x
        self.seen += 1
        return x * self.scale + 0.1 * self.seen


class Counting(Block):
    """Plain attributes that each forward changes: a number, a list, and a tensor."""

    def __init__(self):
        super().__init__()
        self.count, self.log, self.mean = 0, [0.5], torch.zeros(())

    def flow(self, x, run):
        if isinstance(run, Codes):
            return x
        self.count += 1
        self.log.append(self.count)
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean()
        return x * (self.count + 0.1 * len(self.log)) + self.mean


class Net(nn.Module):
    """Blocks, the mean of what they come to, a branch beside them, a linear layer, an end, and how it is returned."""

    def __init__(self, blocks, channels, beside, end, returned):
        super().__init__()
        self.blocks, self.beside = nn.Sequential(*blocks), nn.Conv2d(3, 2, 3) if beside else None
        self.head = nn.Linear(channels + 2 * beside, 3)
        self.end = {"softmax": nn.Softmax(1), "sigmoid": nn.Sigmoid(), "": None}[end]
        self.returned = returned

    def forward(self, x):
        found = self.blocks(x).mean((2, 3))
        if self.beside is not None:
            found = torch.cat([found, F.relu_(self.beside(x)).amax((2, 3))], 1)
        scores = self.head(found)
        scores = scores if self.end is None else self.end(scores)
        return {"": scores, "tuple": (found, scores), "dict": {"features": found, "classes": scores}}[self.returned]


OUTPUT = {"": None, "tuple": 1, "dict": "classes"}


def _token_parts(c):
    return nn.Linear(c, c), nn.LayerNorm(c, eps=0.1), nn.ReLU(inplace=True)


def conv(c, out=None, **knobs):
    return nn.Conv2d(c, out or c, 3, padding=1, **knobs)


BLOCKS = {
    "conv": conv,
    "stride": lambda c: conv(c, stride=2),
    "relu in place": lambda c: nn.ReLU(inplace=True),
    "functional": lambda c: Functional(),
    "overwritten": lambda c: Overwritten(conv(c)),
    "norm": lambda c: nn.BatchNorm2d(c),
    "batch norm": lambda c: nn.BatchNorm2d(c, track_running_stats=False),
    "instance norm": lambda c: nn.InstanceNorm2d(c),
    "windows": lambda c: Windows(*_token_parts(c)),
    "grid windows": lambda c: GridWindows(*_token_parts(c)),
    "shifted": lambda c: ShiftedWindows(*_token_parts(c)),
    "map windows": lambda c: MapWindows(conv(c), nn.ReLU()),
    "tokens": lambda c: Tokens(*_token_parts(c)),
    "class token": lambda c: ClassToken(*_token_parts(c)),
    "attention": Attention,
    "last": lambda c: Last(*_token_parts(c)),
    "transposed": lambda c: Transposed(conv(c), nn.ReLU()),
    "turned": lambda c: Turned(),
    "heads": lambda c: Heads(conv(c // 2), nn.ReLU()),
    "flips": lambda c: Flips(conv(c)),
    "residual": lambda c: Residual(conv(c), nn.ReLU(), conv(c)),
    "residual windows": lambda c: Residual(ShiftedWindows(*_token_parts(c))),
    "twice": Twice,
    "unsaved": Unsaved,
    "counting": lambda c: Counting(),
}
