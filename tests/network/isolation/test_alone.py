"""One technique at a time on one module: right values from any thread, and the module untouched."""

import copy
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations_with_replacement

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import convscope as cs
from convscope.base.errors import BadSource
from convscope.base.progress import listening
from convscope.data.source import Source
from convscope.network.isolation.alone import _locks, held, lent, lock_of

PATIENCE = 120
IMAGE = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
TECHNIQUES = {
    "saliency": lambda net: cs.saliency(net, IMAGE, "logits:1").values,
    "guided": lambda net: cs.guided_backprop(net, IMAGE, "logits:1").values,
    "gradcam": lambda net: cs.gradcam(net, IMAGE, "logits:1").values,
    "occlusion": lambda net: cs.occlusion(net, IMAGE, "logits:1", size=8, stride=8).values,
    "maximize": lambda net: cs.maximize(net, "conv:1", steps=3, size=16).images,
    "predict": lambda net: np.array([p for _, _, p in net.predict(IMAGE)]),
    "digest": lambda net: np.array(net.digest),
}


class Noisy(nn.Module):
    """Draws random numbers in evaluation mode too, where `drop` is more than 0."""

    def __init__(self, drop):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 5)
        self.drop = drop

    def forward(self, x):
        y = F.relu(self.norm(self.conv(x)))
        return self.head((F.dropout(y, self.drop) if self.drop else y).mean((2, 3)))


def network(drop=0.0):
    torch.manual_seed(0)
    module = Noisy(drop).train()
    module.norm.eval()
    module.head.weight.requires_grad_(False)
    return cs.Network(module, size=16)


def maximized(net, listen):
    with listening(listen):
        return cs.maximize(net, "conv:1", steps=3, size=16).images


def state(module):
    parameters = [(id(p), p.requires_grad, p.grad is None, p._version) for p in module.parameters()]
    parts = [(part.training, len(part._forward_hooks), len(part._forward_pre_hooks)) for part in module.modules()]
    return parameters, parts, [tensor.tolist() for tensor in module.state_dict().values()]


@pytest.mark.parametrize("drop", [0.0, 0.5])
def test_two_threads_on_one_network_get_what_each_gets_alone(drop):
    net = network(drop)
    before, random = state(net.module), torch.get_rng_state()
    alone = {name: ask(net) for name, ask in TECHNIQUES.items()}
    with ThreadPoolExecutor(2) as pool:
        for pair in combinations_with_replacement(TECHNIQUES, 2):
            start = threading.Barrier(2, timeout=PATIENCE)
            asked = [pool.submit(lambda name, at=start: (at.wait(), TECHNIQUES[name](net))[1], name) for name in pair]
            for name, found in zip(pair, asked, strict=True):
                np.testing.assert_array_equal(found.result(PATIENCE), alone[name], err_msg=str(pair))
            assert state(net.module) == before, pair
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("of_one_module", [False, True])
def test_another_network_does_not_wait_unless_it_is_of_the_same_module(of_one_module):
    net = network()
    other = cs.Network(net.module, size=16) if of_one_module else network()
    other.predict(IMAGE)
    inside, done, told = threading.Event(), threading.Event(), []

    def listen(step, total, preview):
        inside.set()
        told.append(done.wait(0.5 if of_one_module else PATIENCE))

    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(maximized, net, listen)
        assert inside.wait(PATIENCE)
        pool.submit(lambda: (other.predict(IMAGE), done.set())).result(PATIENCE)
        long.result(PATIENCE)
    assert told[0] is not of_one_module


@pytest.mark.parametrize("drop", [0.0, 0.5])
def test_two_networks_that_are_asked_about_together_are_taken_in_one_order(drop):
    one, other = network(drop), network(drop)
    waits = threading.Event()

    def ask(net, beside):
        if not waits.is_set():  # the first: until the second wants what is held here
            deadline = time.monotonic() + PATIENCE
            while not set(_locks.waiting) - {threading.get_ident()} and time.monotonic() < deadline:
                time.sleep(0.001)
        waits.set()
        return beside.predict(IMAGE)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: one.settled(lambda: ask(one, other), [other]))
        second = pool.submit(lambda: other.settled(lambda: ask(other, one), [one]))
        assert len(first.result(PATIENCE)) == len(second.result(PATIENCE)) > 0


def test_a_comparison_holds_both_networks_while_it_runs():
    one, other, found = network(), network(), []

    class Images(Source):
        reference = ""

        @property
        def digest(self):
            found.extend(net.module for net in (one, other) if held(lock_of(net.module)))
            raise BadSource("There are none.")

        classes = shards = entries = find = read = digest

    with pytest.raises(BadSource):
        cs.compare_networks(one, other, Images())
    assert found[:2] == [one.module, other.module]


@pytest.mark.parametrize("drop", [0.0, 0.5])
def test_long_work_lends_its_network_and_both_get_what_they_get_alone(drop):
    net = network(drop)
    alone = {name: ask(net) for name, ask in TECHNIQUES.items()}
    found = {}

    def listen(step, total, preview):
        name = list(TECHNIQUES)[step % len(TECHNIQUES)]
        with lent(net.module):
            found[name] = pool.submit(TECHNIQUES[name], net).result(PATIENCE)

    with ThreadPoolExecutor(1) as pool, listening(listen):
        picture = cs.maximize(net, "conv:1", steps=3, size=16).images
    np.testing.assert_array_equal(picture, alone["maximize"])
    assert len(found) >= 2
    for name, values in found.items():
        np.testing.assert_array_equal(values, alone[name])


def test_who_waits_without_a_turn_goes_first_where_work_lends():
    net = network()
    net.predict(IMAGE)
    waiting, order = [], []

    def listen(step, total, preview):
        if step == 1:
            waiting.append(pool.submit(lambda: order.append(net.predict(IMAGE) and "predicted")))
            deadline = time.monotonic() + PATIENCE
            while not set(_locks.waiting) - {threading.get_ident()} and time.monotonic() < deadline:
                time.sleep(0.001)
        with lent(net.module):
            order.append(step)

    with ThreadPoolExecutor(1) as pool:
        with listening(listen):
            cs.maximize(net, "conv:1", steps=4, size=16)
        waiting[0].result(PATIENCE)
    assert order.index("predicted") < len(order) - 1


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_network_can_be_copied_while_it_is_in_use_and_after_everything(copied):
    net = network()
    wanted = [ask(net) for ask in TECHNIQUES.values()]  # occlusion among them, which keeps a graph
    inside, begun = threading.Event(), threading.Event()

    def listen(step, total, preview):
        inside.set()
        assert begun.wait(PATIENCE)

    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(maximized, net, listen)
        assert inside.wait(PATIENCE)
        made = pool.submit(lambda: (begun.set(), copied(net))[1])
        other = made.result(PATIENCE)
        long.result(PATIENCE)
    assert [p.requires_grad for p in other.module.parameters()] == [p.requires_grad for p in net.module.parameters()]
    assert [p.training for p in other.module.modules()] == [p.training for p in net.module.modules()]
    assert not any(part._forward_hooks for part in other.module.modules())
    for ask, values in zip(TECHNIQUES.values(), wanted, strict=True):
        np.testing.assert_array_equal(ask(other), values)


def test_a_network_and_its_module_stay_together_in_a_copy():
    net = network()
    other, module = copy.deepcopy((net, net.module))
    assert other.module is module


FORKED = """
import os, sys, torch, numpy as np, convscope as cs
torch.set_num_threads(2)
net = cs.Network(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten(), torch.nn.LazyLinear(2)), size=64)
net.module(torch.zeros(1, 3, 64, 64))
image = np.zeros((64, 64, 3), np.uint8)
net.predict(image)
for threads in (2, 1):
    child = os.fork()
    if child == 0:
        try:
            torch.set_num_threads(threads)
            print(len(net.predict(image)))
        except cs.ConvscopeError as error:
            print(type(error).__name__, error)
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_a_forked_process_is_told_what_to_do_and_does_not_hang_and_on_one_thread_it_is_served():
    told = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=PATIENCE, check=True)
    refused, served = told.stdout.splitlines()
    assert refused.startswith("ForwardFailed This process must not be a fork") and served == "2", told
