"""Modules whose forward changes their own state: the same answer every time, and the module is left as it was."""

import random
from collections import defaultdict, deque

import numpy as np
import pytest
import torch
from torch import nn

import convscope as cs

IMAGE = np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8)


class Stateful(nn.Module):
    """A small network; `step`, called with the module and its vectors (N, 4), changes the module and the vectors."""

    def __init__(self, step, **attributes):
        super().__init__()
        self.conv, self.head, self.step = nn.Conv2d(3, 4, 3), nn.Linear(4, 2), step
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.head(self.step(self, self.conv(x).relu().mean((2, 3))))


def rebinds(m, y):
    m.membrane = 0.5 * m.membrane + y
    return m.membrane


def in_place(m, y):
    m.total += y.detach().mean()
    return y * m.total


def in_array(m, y):
    m.array[0] += 1
    return y * float(m.array[0])


def appends(m, y):
    m.seen.append(y.detach().mean())
    return y + torch.stack(list(m.seen)).sum()


def counts(m, y):
    m.calls += 1
    return y * m.calls


def remembers(m, y):
    m.cache.setdefault("first", y.detach().mean())
    return y - m.cache["first"]


def nested(m, y):
    m.cache["sizes"].append(len(m.cache["sizes"]) + 1.0)
    return y * sum(m.cache["sizes"])


def first_time(m, y):
    if not hasattr(m, "born"):
        m.born = y.detach().amax()
        return y
    return y * m.born


def buffered(m, y):
    m.buffer += 1
    return y * m.buffer


CASES = {
    "rebinds a tensor": lambda: Stateful(rebinds, membrane=0.0),
    "in place": lambda: Stateful(in_place, total=torch.ones(())),
    "array": lambda: Stateful(in_array, array=np.zeros(2)),
    "list": lambda: Stateful(appends, seen=[]),
    "deque": lambda: Stateful(appends, seen=deque([torch.ones(())], maxlen=5)),
    "counter": lambda: Stateful(counts, calls=0),
    "cache": lambda: Stateful(remembers, cache={}),
    "list in a dict": lambda: Stateful(nested, cache={"sizes": []}),
    "list in a defaultdict": lambda: Stateful(nested, cache=defaultdict(list)),
    "new attribute": lambda: Stateful(first_time),
    "own generator of NumPy": lambda: Stateful(lambda m, y: y * m.rng.random(), rng=np.random.default_rng(1)),
    "own generator of Python": lambda: Stateful(lambda m, y: y * m.rng.random(), rng=random.Random(1)),
    "NumPy's generator": lambda: Stateful(lambda m, y: y * np.random.rand()),  # noqa: NPY002
    "Python's generator": lambda: Stateful(lambda m, y: y * random.random()),
    "PyTorch's generator": lambda: Stateful(lambda m, y: y * torch.rand(())),
}


def contents(value):
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, np.random.Generator):
        return str(value.bit_generator.state)
    if isinstance(value, dict):
        return {key: contents(item) for key, item in value.items()}
    if isinstance(value, list | deque):
        return [contents(item) for item in value]
    if isinstance(value, np.ndarray | torch.Tensor):
        return value.tolist()
    return None if callable(value) else value


def state(module):
    """The attributes of a module, the very objects, and what they hold; and the shared generators."""
    held = {name: (id(value), contents(value)) for name, value in vars(module).items() if not name.startswith("_")}
    return held, random.getstate(), contents(np.random.get_state()[1])  # noqa: NPY002


def build(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


ASKED = {
    "saliency": lambda net: cs.saliency(net, IMAGE, "logits:1").values,
    "smoothgrad": lambda net: cs.smoothgrad(net, IMAGE, "logits:1", samples=3).values,
    "occlusion": lambda net: cs.occlusion(net, IMAGE, "logits:1", size=4, stride=4).values,
    "predict": lambda net: [chance for _, _, chance in net.predict(IMAGE)],
    "read": lambda net: net.read(net.prepare(IMAGE), "head")["head"].detach().numpy(),
}


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
def test_a_network_with_state_answers_the_same_each_time_and_is_left_as_it_was(make):
    module = build(make).train()
    net = cs.Network(module, size=8)
    before = state(module)
    for ask in ASKED.values():
        answers = [ask(net) for _ in range(3)]
        assert np.array_equal(answers[0], answers[1]) and np.array_equal(answers[1], answers[2])
        assert state(module) == before
    fresh = cs.Network(build(make), size=8)
    assert np.array_equal(ASKED["saliency"](fresh), ASKED["saliency"](net)), "whatever was asked before"


@pytest.mark.parametrize("name", ["rebinds a tensor", "in place", "counter", "list", "NumPy's generator"])
def test_scans_and_maximized_pictures_of_a_network_with_state_come_again(name):
    module = build(CASES[name])
    net = cs.Network(module, size=8)
    before = state(module)
    means = [cs.scan(net, [IMAGE] * 3, layers="head").statistics("head:1")["mean"] for _ in range(2)]
    pictures = [cs.maximize(net, "head:1", steps=3).images for _ in range(2)]
    assert means[0] == means[1] and np.array_equal(*pictures)
    with torch.no_grad():
        alone = net.read(net.prepare(IMAGE), "head")["head"][0, 1]
    assert means[0] == pytest.approx(alone.item(), rel=1e-4), "each image from the same state"
    assert state(module) == before


def test_the_state_is_as_before_after_an_error():
    def fails(m, y):
        m.calls += 1
        m.seen.append(1)
        raise ValueError("Halfway.")

    module = Stateful(fails, calls=0, seen=[])
    before = state(module)
    with pytest.raises(cs.ConvscopeError, match="Halfway"):
        cs.Network(module, size=8).predict(IMAGE)
    assert state(module) == before


@pytest.mark.parametrize(("make", "stateful"), [(c, True) for c in list(CASES.values())[:12]] + [
    (lambda: Stateful(lambda m, y: y * 2), False), (lambda: Stateful(lambda m, y: y, buffer=0), False),
])  # fmt: skip
def test_a_network_knows_whether_a_forward_changes_it(make, stateful):
    assert cs.Network(make(), size=8).stateful is stateful


def test_a_buffer_written_to_in_a_forward_is_as_before():
    module = Stateful(buffered)
    module.register_buffer("buffer", torch.zeros(()))
    net = cs.Network(module, size=8)
    held = module.buffer
    assert net.stateful and ASKED["predict"](net) == ASKED["predict"](net)
    assert module.buffer is held and held == 0


def test_a_cache_that_grows_only_for_another_number_of_images_is_as_it_was():
    class Caches(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)
            self.sizes = {2: "of the first look, which so leaves it as it is"}

        def forward(self, x):
            self.sizes.setdefault(len(x), "new")
            return self.head(self.conv(x).relu().mean((2, 3)))

    module = Caches()
    net, sizes = cs.Network(module, size=8), module.sizes
    assert not net.stateful
    cs.smoothgrad(net, np.zeros((8, 8, 3), np.uint8), "logits:1", samples=3, batch_size=3)
    net.predict(np.zeros((8, 8, 3), np.uint8))
    assert module.sizes is sizes and list(sizes) == [2]
