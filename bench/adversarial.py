"""Attacks against those of other libraries, in one run: `python bench/adversarial.py`. Run it with nothing else busy.

Needs `pip install foolbox==3.3.4 torchattacks==3.5.1 adv-lib==0.2.8 adversarial-robustness-toolbox==1.20.1`; visdom,
which adv-lib asks for, is built only where PIP_CONSTRAINT names a file that says setuptools<80. Affine networks, of
which the optimum is known, a small net on digits, then lite0 and the bundled photos as it takes them. Peers get deep
copies of the network; both sides take turns.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable
from typing import Any

import adv_lib.attacks
import foolbox
import numpy as np
import torch
import torchattacks
from art.attacks.evasion import CarliniL2Method, DeepFool, ProjectedGradientDescentPyTorch
from art.estimators.classification import PyTorchClassifier
from sklearn.datasets import load_digits
from torch import Tensor, nn

import convscope as cs
from convscope.adversarial.boundary import to_boundary
from convscope.adversarial.goal import Goal
from convscope.adversarial.model import Model, euclidean_distance
from convscope.adversarial.penalized import penalized
from convscope.adversarial.projected_steps import Ball, projected_steps
from convscope.network.backward.gradient import many_passes

TURNS = 5


class Normalized(nn.Module):
    """The network from pixels from 0 to 1, for peers."""

    def __init__(self, net: cs.Network) -> None:
        super().__init__()
        self.module = copy.deepcopy(net.module).eval()
        self.mean, self.std = (torch.tensor(v)[:, None, None] for v in (net.preprocessing.mean, net.preprocessing.std))

    def forward(self, x: Tensor) -> Tensor:
        return self.module((x - self.mean) / self.std)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.perf_counter()
    return work(), time.perf_counter() - begin


def compare(name: str, ours: Callable[[], Any], theirs: Callable[[], Any], turns: int = TURNS) -> None:
    """Print what both come to, and the median of the ratios of times, ours over theirs, in turns."""
    pairs = [(timed(ours), timed(theirs)) for _ in range(turns)]
    ratio = statistics.median(a / b for (_, a), (_, b) in pairs)
    (own, seconds), (other, longer) = pairs[-1]
    print(
        f"{name}: ours {own} in {seconds:.2f} s, theirs {other} in {longer:.2f} s, time ratio {ratio:.3f}", flush=True
    )


def affine() -> None:
    """C&W on a random affine network of 48 pixels and 5 classes: the norm over the optimum."""
    torch.manual_seed(0)
    linear, x = nn.Linear(48, 5), 0.4 + 0.2 * torch.rand(16, 48)
    with torch.no_grad():
        linear.bias -= linear(x).mean(0)
        own = linear(x).argmax(1)
        gaps = linear(x).gather(1, own[:, None]) - linear(x)
        apart = (linear.weight[None] - linear.weight[own][:, None]).norm(dim=2)
        best = torch.where(apart > 0, gaps / apart.clamp(min=1e-9), torch.inf).amin(1)
    peer = foolbox.attacks.L2CarliniWagnerAttack(binary_search_steps=9, steps=1000)
    fmodel = foolbox.PyTorchModel(linear.eval(), bounds=(0, 1))

    def ratio(found: Tensor) -> str:
        shares = euclidean_distance(found, x) / best
        return f"{shares.median():.4f} (most {shares.max():.4f})"

    compare(
        "C&W, affine, norm over the optimum",
        lambda: ratio(penalized(Model(linear), x, Goal(own), range(150), searches=3, per_search=50).pixels),
        lambda: ratio(peer(fmodel, x, own, epsilons=None)[0]),
        turns=1,
    )


def digits() -> None:
    """ART at the same budget and passes, on a small net trained on digits: success, and the median norm."""
    torch.manual_seed(0)
    data = load_digits()
    x = torch.from_numpy(data.images / 16).float()[:, None].repeat(1, 3, 4, 4)  # (n, 3, 32, 32)
    labels = torch.from_numpy(data.target)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 4, 4), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(2048, 10)
    )
    adam = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(60):
        adam.zero_grad()
        nn.functional.cross_entropy(net(x[200:]), labels[200:]).backward()
        adam.step()
    x, model = x[:64], Model(net.eval())
    own = model.logits(x).argmax(1)
    peer = PyTorchClassifier(net, nn.CrossEntropyLoss(), (3, 32, 32), 10, clip_values=(0.0, 1.0), device_type="cpu")

    def told(found: Tensor) -> str:
        fooled = model.logits(found).argmax(1) != own
        norms = euclidean_distance(found, x)[fooled]
        return f"{int(fooled.sum())} of {len(x)}, norm {norms.median():.4f}"

    def theirs(attack: Any) -> str:
        return told(torch.from_numpy(attack.generate(x.numpy(), own.numpy())).float())

    ball = Ball(8 / 255)
    pgd = ProjectedGradientDescentPyTorch(
        peer, eps=8 / 255, eps_step=1 / 255, max_iter=20, num_random_init=1, verbose=False
    )
    compare(
        "ART, PGD 8/255, 20 steps",
        lambda: told(projected_steps(model, x, Goal(own), ball, 1 / 255, range(20), start=ball.draw(x, 0)).pixels),
        lambda: theirs(pgd),
    )
    compare(
        "ART, DeepFool",
        lambda: told(to_boundary(model, x, Goal(own), "l2", range(50)).pixels),
        lambda: theirs(DeepFool(peer, max_iter=50, epsilon=0.02, nb_grads=10, verbose=False)),
        turns=1,
    )
    compare(
        "ART, C&W, 150 steps",
        lambda: told(penalized(model, x, Goal(own), range(150), searches=3, per_search=50).pixels),
        lambda: theirs(CarliniL2Method(peer, binary_search_steps=3, max_iter=50, verbose=False)),
        turns=1,
    )


def photos() -> None:
    """lite0 and the photos: DeepFool's norm and time, steps of PGD, and the least change in a file."""
    net = cs.load("lite0")
    views = [net.view(f"sample:{name}") for name in cs.samples()]
    x = torch.from_numpy(np.stack([view.pixels for view in views])).movedim(-1, 1).float() / 255
    peer = Normalized(net)
    peer.eval()
    own, fmodel = peer(x).argmax(1).detach(), foolbox.PyTorchModel(peer, bounds=(0, 1))
    mean, std = peer.mean, peer.std
    with many_passes(net):
        model = Model(lambda x: net.read((x - mean) / std, "logits")["logits"])
        deepfool = foolbox.attacks.L2DeepFoolAttack(steps=50)
        compare(
            "DeepFool, median norm",
            lambda: f"{euclidean_distance(to_boundary(model, x, Goal(own), 'l2', range(50)).pixels, x).median():.5f}",
            lambda: f"{euclidean_distance(deepfool(fmodel, x, own, epsilons=None)[0], x).median():.5f}",
        )
        sure = Goal(own, kappa=1e6)  # which no row reaches, so that all take all steps
        pgd = torchattacks.PGD(peer, eps=2 / 255, alpha=0.25 / 255, steps=40)
        ball = Ball(2 / 255)
        compare(
            "PGD, 40 steps",
            lambda: len(projected_steps(model, x, sure, ball, 0.25 / 255, range(40), start=ball.draw(x, 0)).pixels),
            lambda: len(pgd(x, own)),
            turns=2,
        )
    least = [cs.minimal(net, view) for view in views]
    ddn = adv_lib.attacks.ddn(peer, x, own, steps=100, levels=256)
    ours = statistics.median(one.norms["l2"] for one in least)
    theirs = euclidean_distance(ddn, x).median().item()
    print(f"minimal: {sum(one.success for one in least)} of {len(least)} files, median {ours:.4f}; DDN {theirs:.4f}")


if __name__ == "__main__":
    affine()
    digits()
    photos()
