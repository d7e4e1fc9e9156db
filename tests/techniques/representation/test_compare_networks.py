"""Two networks side by side: against CKA by hand, twins whose units are known, units taken out, and what is refused."""

import copy
import json

import numpy as np
import pyarrow.compute as pc
import pytest
import torch
from torch import nn

import convscope as cs
from convscope.catalog.rerun import rerun
from convscope.contract.request import Request

COUNT = 24
FAMILIES = {}  # so that networks of one structure are exported once


def network(seed, name="net", widths=(6, 8)):
    """conv – relu – conv – relu – pool – flatten – linear, of random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        first, second = widths
        module = nn.Sequential(
            nn.Conv2d(3, first, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * second, 5),
        )
        for part in module:
            if isinstance(part, nn.Conv2d):
                nn.init.constant_(part.bias, 0.3)  # so that all fire
    return of(module.eval(), name)


def of(module, name):
    net = cs.Network(module, size=16, name=name)
    net.family = FAMILIES.setdefault(repr(module), net.family)
    return net


@pytest.fixture(scope="module")
def photos():
    """Smooth pictures of different colors."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (COUNT, 4, 4, 3), np.uint8)
    return [np.kron(one, np.ones((5, 5, 1), np.uint8)) for one in coarse]


@pytest.fixture(scope="module")
def folder(photos, tmp_path_factory):
    place = tmp_path_factory.mktemp("photos")
    for number, pixels in enumerate(photos):
        cs.open_image(pixels).save(place / f"{number:02}.png")
    return place


def mixed(net, order, scale, layer="0", after="2"):
    """A network that computes the same, its units in another order and of another size."""
    module = copy.deepcopy(net.module)
    one, other = module.get_submodule(layer), module.get_submodule(after)
    with torch.no_grad():
        one.weight.copy_(one.weight[order] * scale[:, None, None, None])
        one.bias.copy_(one.bias[order] * scale)
        other.weight.copy_(other.weight[:, order] / scale[None, :, None, None])
    return of(module, "twin")


def slow_cka(x, y):
    """Unbiased, from the sums of Song et al. 2012 over whole Gram matrices."""

    def hsic(k, ll):
        n, ones = len(k), np.ones(len(k))
        return (
            np.trace(k @ ll)
            + (ones @ k @ ones) * (ones @ ll @ ones) / ((n - 1) * (n - 2))
            - 2 / (n - 2) * (ones @ k @ ll @ ones)
        ) / (n * (n - 3))

    k, ll = (z.astype(float) @ z.astype(float).T for z in (x, y))
    k, ll = (m - np.diag(np.diag(m)) for m in (k, ll))
    return hsic(k, ll) / np.sqrt(hsic(k, k) * hsic(ll, ll))


def means(net, photos, layer):
    """The codes by the module alone."""
    x = torch.cat([net.prepare(photo) for photo in photos])
    with torch.no_grad():
        for name, part in net.module.named_children():
            x = part(x)
            if name == layer:
                return (x.flatten(2).mean(2) if x.ndim == 4 else x).numpy()
    return None


def test_every_pair_of_layers_is_aligned_as_by_hand(photos):
    a, b = network(0, "one"), network(1, "two", (5, 7))
    found = cs.compare_networks(a, b, photos, layers="1,3,6", other_layers="6,1")
    assert found.layers == ("1", "3", "6") and found.other_layers == ("1", "6")  # each in its order of execution
    by_hand = [[slow_cka(means(a, photos, x), means(b, photos, y)) for y in ("1", "6")] for x in ("1", "3", "6")]
    np.testing.assert_allclose(found.cka, by_hand, atol=1e-5)
    assert found.pairs.tolist() == [[0, 0], [1, int(np.argmax(by_hand[1]))], [2, 1]]
    assert found.values.dtype == np.float32 and found.network == "one" and found.other == "two"


def test_a_network_with_itself_is_all_the_same(photos):
    net = network(0)
    found = cs.compare_networks(net, net, photos)
    assert found.layers == found.other_layers == ("1", "3", "6")  # rectified where a layer is
    np.testing.assert_allclose(np.diag(found.cka), 1)
    np.testing.assert_allclose(found.procrustes, 1, atol=1e-6)
    np.testing.assert_allclose(found.cca, 1, atol=1e-6)
    assert (found.procrustes_chance < 0.9).all()
    table = found.matches()
    assert table["channel"].to_pylist() == table["partner"].to_pylist()
    assert set(table["state"].to_pylist()) == {"matched"}


@pytest.mark.parametrize("seed", [0, 1])
def test_a_permuted_and_rescaled_twin_is_matched_exactly(photos, seed):
    net, rng = network(seed), np.random.default_rng(seed)
    order, scale = rng.permutation(6), torch.tensor(rng.uniform(0.2, 5, 6), dtype=torch.float32)
    twin = mixed(net, order.tolist(), scale)
    found = cs.compare_networks(net, twin, photos, layers="1,3")
    table = found.matches("1")
    own = table.filter(pc.equal(table["network"], "a"))
    assert own["partner"].to_pylist() == np.argsort(order).tolist()
    assert found.matches("1").filter(pc.equal(table["network"], "b"))["partner"].to_pylist() == order.tolist()
    np.testing.assert_allclose(own["correlation"].to_numpy(), 1, atol=1e-6)
    assert found.cka[1, 1] == pytest.approx(1, abs=1e-6)  # the layer after it computes the same


def test_two_independent_codes_are_unalike(photos):
    """Of networks that see unrelated images under the same numbers."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (16, 16, 3), np.uint8) for _ in range(200)]
    net = network(0)
    first, second = (cs.codes(net, images, "1,3,6", labels="none") for images in (noise, noise[::-1]))
    from convscope.representation.similarity.compared import ComparedCodes

    found = ComparedCodes(first, second).alignment()  # row i of one is image 199 - i of the other
    assert np.abs(found.values).max() < 5 * found.chance_deviation
    np.testing.assert_allclose(found.chance_deviation, np.sqrt(2 / (200 * 197)))


def test_units_taken_out_of_a_checkpoint_are_dead_and_lost_and_no_others(photos):
    net = network(0)
    module = copy.deepcopy(net.module)
    with torch.no_grad():
        for part in (module[0].weight, module[0].bias):
            part[[1, 4]] = 0
    later = of(module, "later")
    table = cs.compare_networks(net, later, photos, layers="1").matches("1")
    assert states(table, "a") == ["matched", "lost", "matched", "matched", "lost", "matched"]
    assert states(table, "b") == ["matched", "dead", "matched", "matched", "dead", "matched"]
    back = cs.compare_networks(later, net, photos, layers="1").matches("1")
    assert states(back, "b") == ["matched", "new", "matched", "matched", "new", "matched"]
    assert states(back, "a") == states(table, "b")


def test_doubled_and_unread_units_are_told(photos):
    net = network(0)
    module = copy.deepcopy(net.module)
    with torch.no_grad():
        for part in (module[0].weight, module[0].bias):
            part[5] = part[2]
        module[2].weight[:, 3] = 0
    found = cs.compare_networks(net, of(module, "later"), photos, layers="1,6")
    table = found.matches("1", least=-1)
    other = table.filter(pc.equal(table["network"], "b"))
    told = other["duplicate"].to_pylist()
    assert told[2] == 5 and told[5] == 2
    assert other["unused"].to_pylist() == [False, False, False, True, False, False]
    assert table.filter(pc.equal(table["network"], "a"))["unused"].to_pylist() == [False] * 6
    assert set(found.matches("6")["unused"].to_pylist()) == {None}  # nothing reads class scores


def states(table, network):
    return table.filter(pc.equal(table["network"], network))["state"].to_pylist()


def test_a_gap_is_that_to_the_next_unit_of_the_other_network(photos):
    a, b = network(0), network(1, widths=(5, 7))
    table = cs.compare_networks(a, b, photos, layers="1").matches("1", least=-1)
    x, y = means(a, photos, "1"), means(b, photos, "1")
    r = np.corrcoef(x.T, y.T)[: x.shape[1], x.shape[1] :]
    for row in table.to_pylist():
        own = r[row["channel"]] if row["network"] == "a" else r[:, row["channel"]]
        assert row["best"] == pytest.approx(own.max(), abs=1e-5)
        if row["state"] == "matched":
            assert row["correlation"] == pytest.approx(own[row["partner"]], abs=1e-5)
            assert row["gap"] == pytest.approx(own[row["partner"]] - np.delete(own, row["partner"]).max(), abs=1e-5)
    assert table.num_rows == 11 and states(table, "a").count("lost") == 1


def test_no_pair_is_below_what_is_asked_for_or_below_chance_of_either_unit(photos):
    found = cs.compare_networks(network(0), network(1), photos, layers="1")
    for table in (found.matches("1"), found.matches("1", least=0.7)):
        pairs = [row for row in table.to_pylist() if row["state"] == "matched"]
        assert all(row["correlation"] >= row["least"] for row in pairs)
        assert sum(row["network"] == "a" for row in pairs) == sum(row["network"] == "b" for row in pairs)
    assert states(found.matches("1", least=1), "a") == ["lost"] * 6
    with pytest.raises(cs.ConvscopeError, match="least must be a correlation"):
        found.matches("1", least=2)


def test_images_in_another_order_do_not_matter(photos):
    a, b = network(0), network(1)
    one, other = (cs.compare_networks(a, b, images, layers="1,3") for images in (photos, photos[::-1]))
    np.testing.assert_allclose(one.cka, other.cka, atol=1e-6)
    np.testing.assert_allclose(one.cca, other.cca, atol=1e-6)
    assert one.matches("1", least=0.5)["partner"] == other.matches("1", least=0.5)["partner"]


def test_a_unit_that_is_the_same_for_all_images_has_no_number_and_is_named(photos):
    net = network(0)
    module = copy.deepcopy(net.module)
    nn.init.zeros_(module[0].weight)
    found = cs.compare_networks(net, of(module, "gone"), photos, layers="1,3")
    assert np.isnan(found.cka).all(axis=0).all() and np.isnan(found.cca).all()
    assert "1 of gone, 3 of gone" in found.evidence["constant"]
    assert set(states(found.matches("1"), "b")) == {"dead"} and set(states(found.matches("1"), "a")) == {"lost"}
    assert found.picture().size[0] > 100 and json.dumps(found.summary())


class Again(nn.Module):
    """A layer and another that puts out the very same."""

    def __init__(self):
        super().__init__()
        self.one, self.same, self.two = nn.Conv2d(3, 4, 3), nn.Identity(), nn.Conv2d(4, 5, 3)

    def forward(self, x):
        return self.two(self.same(self.one(x))).mean((2, 3))


def test_layers_that_put_out_the_same_are_one(photos):
    net = of(Again().eval(), "again")
    found = cs.compare_networks(net, net, photos, layers="one,same,two")
    assert found.layers == ("one", "two") and found.evidence["same"] == {"same": "one"}
    assert found.matches("same").equals(found.matches("one"))
    mixed_names = cs.compare_networks(net, net, photos, layers="same,two", other_layers="one,same,two")
    assert mixed_names.layers == ("same", "two") and mixed_names.other_layers == ("one", "two")
    assert mixed_names.pairs.tolist() == [[0, 0], [1, 1]]


def test_a_name_goes_before_likeness_also_where_it_stands_for_another(photos):
    """The second layer of b is the first of a, so that it is the one most alike."""
    a, b = Again().eval(), Again().eval()
    with torch.no_grad():
        b.one.weight.zero_()[:3, :, 1, 1] = torch.eye(3)
        b.two.weight[:4] = 0
        b.two.weight[:4, :3] = a.one.weight
        b.two.weight[4] = 0
    nets = of(a, "a"), of(b, "b")
    found = cs.compare_networks(*nets, photos, layers="same", other_layers="one,same,two")
    assert found.other_layers == ("one", "two") and found.cka[0].argmax() == 1
    assert found.partner("same") == "one"
    unnamed = cs.compare_networks(*nets, photos, layers="same", other_layers="two")
    assert unnamed.partner("same") == "two"


def test_all_pairs_are_told_in_one_table_and_another_pair_if_it_is_named(photos):
    found = cs.compare_networks(network(0), network(1), photos, layers="1,3")
    assert set(found.matches()["layer"].to_pylist()) == {"1", "3"}
    assert found.matches().num_rows == 2 * 6 + 2 * 8
    crossed = found.matches("1", "3")
    assert crossed.filter(pc.equal(crossed["network"], "b"))["layer"].to_pylist() == ["3"] * 8
    for given, words in ((("9",), "layer must be one that was compared, 1, 3, not '9'"), (("1", "9"), "other must be")):
        with pytest.raises(cs.ConvscopeError, match=words):
            found.matches(*given)
    with pytest.raises(cs.ConvscopeError, match="layer must be named"):
        found.matches(other="3")


@pytest.mark.parametrize("whose", ["first", "second", "both"])
def test_codes_of_either_network_are_not_made_again(photos, folder, tmp_path, whose, monkeypatch):
    a, b = network(0), network(1)
    expected = cs.compare_networks(a, b, folder, layers="1,3")
    from convscope.techniques.representation import compare_networks as module

    passes = []
    real = module.codes_of
    monkeypatch.setattr(module, "codes_of", lambda net, *rest, **knobs: passes.append(net) or real(net, *rest, **knobs))
    if whose == "both":
        codes = cs.codes(a, folder, "1,3")
        found = cs.compare_networks(a, a, codes)
        assert not passes and np.allclose(np.diag(found.cka), 1)
        return
    codes = cs.codes(a if whose == "first" else b, folder, "1,3", tmp_path / "codes")
    found = cs.compare_networks(a, b, tmp_path / "codes", layers="1,3")
    assert passes == [b if whose == "first" else a]
    np.testing.assert_allclose(found.cka, expected.cka, atol=1e-6)
    with pytest.raises(cs.ConvscopeError, match="pool must be that of the codes, mean, not max"):
        cs.compare_networks(a, b, codes, layers="1,3", pool="max")
    with pytest.raises(cs.ConvscopeError, match="There are no codes of the layer '0'"):
        cs.compare_networks(a, b, codes, layers="0")


def test_an_image_that_only_one_of_them_could_read_is_left_out(folder, tmp_path):
    import shutil

    place = shutil.copytree(folder, tmp_path / "some")
    (place / "05.png").write_bytes(b"damaged")
    a, b = network(0), network(1)
    codes = cs.codes(a, place, "1,3", labels="none")  # sees it as damaged
    shutil.copy(folder / "05.png", place / "05.png")
    from convscope.representation.similarity.compared import ComparedCodes

    other = cs.codes(b, place, "1,3", labels="none")
    compared = ComparedCodes(codes, other)
    assert len(codes) == COUNT - 1 and len(other) == COUNT and len(compared) == COUNT - 1
    kept = [photo for number, photo in enumerate(sorted(folder.glob("*.png"))) if number != 5]
    expected = cs.compare_networks(a, b, kept, layers="1,3")
    np.testing.assert_allclose(compared.alignment().values, expected.cka, atol=1e-6)


def test_what_cannot_be_compared_is_refused_before_any_image_is_seen(photos, monkeypatch):
    a, b = network(0), of(Again().eval(), "again")

    def never(*_args, **_knobs):
        raise AssertionError("an image was seen")

    from convscope.techniques.representation import compare_networks as module

    monkeypatch.setattr(module, "codes_of", never)
    with pytest.raises(cs.ConvscopeError, match=r"layers must be .* layers of again, not '1,3': .*other_layers=…"):
        cs.compare_networks(a, b, photos, layers="1,3")
    with pytest.raises(cs.ConvscopeError, match="other_layers must be auto, or layers of again, not '3'"):
        cs.compare_networks(a, b, photos, layers="1", other_layers="3")
    with pytest.raises(cs.ConvscopeError, match=r"^layers must be auto, or layers of net, not 'two'"):
        cs.compare_networks(a, b, photos, layers="two")
    with pytest.raises(cs.ConvscopeError, match="pool must be a place in the maps of two, which are 12 × 12"):
        cs.compare_networks(a, b, photos, layers="1", other_layers="two", pool="13,13")
    with pytest.raises(cs.ConvscopeError, match="other must be a Network or a network's name, not int"):
        cs.compare_networks(a, 3, photos)


def test_few_images_are_refused_and_the_fewest_are_enough(photos):
    net = network(0)
    with pytest.raises(cs.ConvscopeError, match="at least 5 images to compare networks by, not 4"):
        cs.compare_networks(net, net, photos[:4])
    found = cs.compare_networks(net, network(1), photos[:5], layers="1,3")
    assert np.isfinite(found.cca).all() and np.isfinite(found.cka).all()


def test_cancelled_work_is_of_what_both_have_seen_and_says_so():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (16, 16, 3), np.uint8) for _ in range(200)]
    a, b = network(0), network(1)

    def run(step):
        heard = []

        def listen(done, total, _preview):
            heard.append(done / total)
            if len(heard) >= step:
                raise cs.Cancelled

        with cs.listening(listen):
            return cs.compare_networks(a, b, images, layers="1,3"), heard

    whole, heard = run(10**6)
    assert heard == sorted(heard) and heard[-1] == 1 and "partial" not in whole.evidence
    early, _ = run(1)
    assert early.evidence["images"] == 64 and "of 64 images" in early.evidence["partial"]
    np.testing.assert_allclose(early.cka, cs.compare_networks(a, b, images[:64], layers="1,3").cka, atol=1e-6)
    middle, _ = run(len(heard) - 1)
    assert middle.evidence["images"] == 200 and middle.evidence["partial"].endswith("cancelled after 1 of 2 steps")
    assert np.isfinite(middle.cca[0]) and np.isnan(middle.cca[1]) and np.isfinite(middle.cka).all()


def test_it_is_made_again_from_its_request_with_networks_of_the_zoo(folder):
    """A network of random weights by its name, and the same weights again."""
    small = "torchvision:squeezenet1_1"
    net = cs.load(small, weights=None)
    result = cs.compare_networks(net, net, folder, layers="features.1,features.4", draws=1)
    line = result.request.python()
    assert line.startswith(f"cs.compare_networks(cs.load('{small}', weights=None), cs.load('{small}', weights=None), ")
    again = rerun(Request.from_json(result.request.to_json()))
    assert np.array_equal(again.values, result.values) and again.request == result.request
    assert again.matches("features.1").equals(result.matches("features.1"))


def test_what_is_gone_says_so(photos):
    import dataclasses

    result = cs.compare_networks(network(0), network(1), photos, layers="1")
    with pytest.raises(cs.ConvscopeError, match="The codes of both networks must be at hand"):
        dataclasses.replace(result, behind=None).matches("1")
    with pytest.raises(cs.ConvscopeError, match="module from memory"):
        rerun(result.request)
