"""Canvases: what ascent changes, and the picture it stands for.

A canvas has `parameters`, the tensors to ascend, and `image()`, the pictures they stand for: (N, C, H, W), from 0 to 1.
The same ascent paints other pictures on another canvas: one that spreads each step over all frequencies alike makes
pictures where raw pixels make noise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from . import decorrelate
from .draws import Rngs, normal, uniform

_CALM = 4.0  # Lucid's divisor, which keeps colors from saturating


@dataclass(frozen=True)
class Frame:
    """From which random numbers each picture is made, of how many color channels, how large, and where."""

    rngs: Rngs
    channels: int
    height: int
    width: int
    device: torch.device

    def normal(self, *shape: int) -> Tensor:
        """Normal random numbers of this shape for each picture."""
        return normal(self.rngs, *shape).to(self.device)

    def uniform(self, *shape: int) -> Tensor:
        """Random numbers from 0 to 1 of this shape for each picture."""
        return uniform(self.rngs, *shape).to(self.device)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of each picture."""
        return self.channels, self.height, self.width


class Canvas(ABC):
    """Some `parameters`, and the pictures they stand for."""

    parameters: list[Tensor]

    @abstractmethod
    def image(self) -> Tensor:
        """The pictures, (N, C, H, W), from 0 to 1."""

    def constrain(self) -> None:  # noqa: B027 — most may be anywhere
        """Put the parameters back to where they may be, after each step."""


class Pixels(Canvas):
    """The pixels themselves, clipped to 0 … 1 after each step where they are `clipped`.

    They start at `mean`, one value a channel, with normal noise of standard deviation `noise`, or at a `start`.
    """

    def __init__(
        self,
        frame: Frame,
        noise: float = 10 / 255,
        mean: Tensor | float = 0.5,
        start: Tensor | None = None,
        clipped: bool = True,
    ) -> None:
        self.clipped = clipped
        if start is None:
            start = noise * frame.normal(*frame.shape) + torch.as_tensor(mean, device=frame.device).reshape(-1, 1, 1)
        self.parameters = [start.detach().clone().requires_grad_()]
        self.constrain()

    def image(self) -> Tensor:
        """The pixels."""
        return self.parameters[0]

    @torch.no_grad()
    def constrain(self) -> None:
        """Clip the pixels."""
        if self.clipped:
            self.parameters[0].clamp_(0, 1)


class Fourier(Canvas):
    """Frequencies, scaled as in photos by 1 / f^`decay`, and decorrelated colors (Olah et al. 2017).

    They start with normal noise of standard deviation `noise`, or at the pictures `start`.
    """

    def __init__(self, frame: Frame, noise: float = 0.01, decay: float = 1.0, start: Tensor | None = None) -> None:
        self.size = frame.height, frame.width
        self.scale = _falling(frame, decay)[..., None]
        waves = frame.normal(frame.channels, *self.scale.shape[:2], 2) * noise
        if start is not None:
            found = torch.fft.rfft2(decorrelate.from_pixels(start), norm="ortho")
            waves = torch.view_as_real(found * _CALM) / self.scale
        self.parameters = [waves.detach().clone().contiguous().requires_grad_()]

    def image(self) -> Tensor:
        """The waves added up."""
        return decorrelate.to_pixels(_summed(torch.view_as_complex(self.parameters[0] * self.scale), self.size) / _CALM)


class Tempered(Fourier):
    """Fourier waves whose colors are no stronger than in photos: the longer the ascent, the better it spends them.

    Each decorrelated color, of root mean square r in a picture, is divided by √(1 + r² / m²); so it stays below `most`,
    m, a number each. The magnitude of all frequencies together is bounded, where MaCo bounds that of each.
    """

    def __init__(
        self, frame: Frame, noise: float = 0.01, decay: float = 1.4, most: tuple[float, float, float] = (2.2, 3.6, 3.4)
    ) -> None:
        super().__init__(frame, noise, decay)
        self.most = torch.tensor(most[: frame.channels], device=frame.device).reshape(-1, 1, 1)

    def image(self) -> Tensor:
        """The waves added up, and tempered."""
        colors = _summed(torch.view_as_complex(self.parameters[0] * self.scale), self.size) / _CALM
        strength = colors.square().mean((2, 3), keepdim=True)
        return decorrelate.to_pixels(colors * (1 + strength / self.most.square()).rsqrt())


class Pyramid(Canvas):
    """A Laplacian pyramid: pictures of half, a quarter … the size, enlarged and added up, in decorrelated colors.

    Burt and Adelson 1983. Each level is weighted by its pixels' size, so that a step moves all frequencies alike.
    """

    def __init__(self, frame: Frame, noise: float = 0.01, levels: int = 5) -> None:
        self.size = frame.height, frame.width
        sides = [(-(-frame.height // 2**k), -(-frame.width // 2**k)) for k in range(levels)]
        self.parameters = [(frame.normal(frame.channels, *side) * noise).requires_grad_() for side in sides]

    def image(self) -> Tensor:
        """The levels added up."""
        total = torch.zeros_like(self.parameters[0])
        for k, level in enumerate(self.parameters):
            scaled = level * 2.0**k
            total = total + (F.interpolate(scaled, self.size, mode="bilinear", align_corners=False) if k else scaled)
        return decorrelate.to_pixels(total)


class MagnitudeConstrained(Canvas):
    """Phases only; every frequency keeps the strength it has in photos (Fel et al. 2023, MaCo).

    `magnitudes` (C, H, W // 2 + 1) are those of `photo_spectrum.magnitudes`, in decorrelated colors. The mean color,
    and stripes that change from each pixel to the next, have no phase: they are real numbers up to their magnitude.
    """

    def __init__(self, frame: Frame, magnitudes: Tensor) -> None:
        self.size, self.magnitudes = (frame.height, frame.width), magnitudes.to(frame.device)
        phases = (frame.uniform(*magnitudes.shape) * 2 - 1) * torch.pi
        self.parameters = [phases.requires_grad_()]

    def image(self) -> Tensor:
        """The waves added up."""
        phases = _odd(self.parameters[0], self.size[1])
        return decorrelate.to_pixels(_summed(torch.polar(self.magnitudes.expand_as(phases), phases), self.size))


class Transparent(Canvas):
    """Another canvas with an alpha channel, on Fourier waves of its own: (N, C + 1, H, W)."""

    def __init__(self, colors: Canvas, frame: Frame) -> None:
        self.colors, self.alpha = colors, Fourier(replace(frame, channels=1))
        self.parameters = [*colors.parameters, *self.alpha.parameters]

    def image(self) -> Tensor:
        """Colors and alpha."""
        return torch.cat([self.colors.image(), self.alpha.image()], 1)

    def constrain(self) -> None:
        """What the colors need."""
        self.colors.constrain()


def frequencies(height: int, width: int) -> Tensor:
    """Cycles a pixel of each wave of `rfft2`, (H, W // 2 + 1)."""
    return torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])


def _falling(frame: Frame, decay: float) -> Tensor:
    f = frequencies(frame.height, frame.width).clamp(min=1 / max(frame.height, frame.width))
    return f.pow(-decay).to(frame.device)


def _odd(phases: Tensor, width: int) -> Tensor:
    """Phases as a real picture has them: where `rfft2` holds a wave twice, the second is minus the first.

    Otherwise the two would weaken one another.
    """
    height, columns = phases.shape[-2:]
    second = torch.arange(height, device=phases.device)[:, None] > height // 2
    twice = torch.arange(columns, device=phases.device) * 2 % width == 0
    return torch.where(second & twice, -phases.flip(-2).roll(1, -2), phases)


def _summed(waves: Tensor, size: tuple[int, int]) -> Tensor:
    """`irfft2` of waves that need not be those of a real picture.

    The columns that must be real by then lose their imaginary parts here: libraries differ in what they make of them.
    """
    columns = torch.fft.ifft(waves, dim=-2, norm="ortho")
    ends = [0, *([columns.shape[-1] - 1] if size[1] % 2 == 0 else [])]
    real = torch.ones(columns.shape[-1], device=waves.device)
    real[ends] = 0
    columns = torch.complex(columns.real, columns.imag * real)
    picture: Tensor = torch.fft.irfft(columns, n=size[1], dim=-1, norm="ortho")
    return picture
