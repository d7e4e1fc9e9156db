"""Networks of one's own by the Python that makes them: run because they were named, anew, and errors have a line."""

import sys
import textwrap

import pytest
import torch
from torch import nn

import convscope as cs
from convscope.base.errors import BadNetwork, BadWeights, UnknownNetwork
from convscope.zoo import zoo

FILE = """
import dataclasses
import helper
from torch import nn
import convscope as cs

@dataclasses.dataclass
class Sizes:
    width: "int" = 4

class Net(nn.Module):
    def __init__(self, width=Sizes().width):
        super().__init__()
        self.conv, self.head = helper.conv(3, width), nn.Linear(width, 5)

    def forward(self, x):
        import later
        return self.head(later.mean(self.conv(x).relu()))

def build():
    return Net()

def small():
    print("made")
    return cs.Network(Net(), size=16, mean=(0.5,) * 3, std=(0.25,) * 3, labels=list("abcde"), name="small")

def wide(width):
    return Net(width)

def number():
    return 7

def broken():
    return helper.broken()

instance = Net()
"""
HELPER = """
from torch import nn

def conv(given, made):
    return nn.Conv2d(given, made, 3)

def broken():
    return nn.Conv2d(3)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with a file that makes networks, and what it imports; what Python knows is as before afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    (tmp_path / "mynet.py").write_text(FILE)
    (tmp_path / "helper.py").write_text(HELPER)
    (tmp_path / "later.py").write_text("def mean(x):\n    return x.mean((2, 3))\n")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in sys.modules.keys() - known:
        if name in ("mynet", "helper", "later", "package", "package.nets", "package.blocks"):
            del sys.modules[name]


def test_a_network_keeps_its_own_preprocessing_labels_and_name(own, capsys):
    net = cs.load("mynet.py:small")
    assert (net.name, net.labels, net.preprocessing.size) == ("small", tuple("abcde"), (16, 16))
    assert net.predict("sample:cat", 1)[0][0] in "abcde"
    assert net.describe() == {"reference": "mynet.py:small", "weights": "default", "digest": net.digest}
    told = capsys.readouterr()
    assert told.out == "" and told.err == "made\n"  # standard output is for results


@pytest.mark.parametrize("name", ["build", "Net", "instance"])
def test_a_function_a_class_and_a_module_are_prepared_for_as_imagenet_and_it_says_so(own, name):
    with pytest.warns(cs.ConvscopeWarning, match=f"mynet.py:{name} makes a module.*224 × 224.*cs.Network"):
        net = cs.load(f"{own}/mynet.py:{name}", weights=None)
    assert net.preprocessing.size == (224, 224) and net.name == "Net" and net.labels == ()
    assert net.reference == {"reference": f"{own}/mynet.py:{name}", "weights": "default"}


def test_random_weights_are_the_same_every_time_and_disturb_no_seed(own):
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, second = cs.load("mynet.py:small"), cs.load("mynet.py:small")
    assert torch.equal(torch.get_rng_state(), before)
    assert first.module is not second.module and first.digest == second.digest


def test_its_digest_is_that_of_the_same_network_in_memory(own):
    net = cs.load("mynet.py:small")
    assert cs.Network(net.module, size=16, mean=(0.5,) * 3, std=(0.25,) * 3).digest == net.digest


def test_a_file_that_was_edited_is_run_anew_with_what_lies_beside_it(own):
    assert cs.load("mynet.py:small").layers["conv"].units == 4
    (own / "mynet.py").write_text(FILE.replace('width: "int" = 4', 'width: "int" = 6'))
    (own / "helper.py").write_text(HELPER.replace("made, 3", "made, 3, padding=1"))
    assert cs.load("mynet.py:small").layers["conv"].shape == (6, 16, 16)


def test_files_of_one_name_in_two_folders_have_their_own_helpers(own):
    other = own / "other"
    other.mkdir()
    (other / "mynet.py").write_text(FILE)
    (other / "later.py").write_text("def mean(x):\n    return x.mean((2, 3))\n")
    (other / "helper.py").write_text(HELPER.replace("made, 3", "made, 5"))
    assert cs.load("mynet.py:small").layers["conv"].shape == (4, 14, 14)
    assert cs.load("other/mynet.py:small").layers["conv"].shape == (4, 12, 12)
    assert cs.load("mynet.py:small").layers["conv"].shape == (4, 14, 14)


def test_a_file_may_have_the_name_of_a_library(own):
    (own / "timm.py").write_text(FILE)
    import timm

    assert cs.load("timm.py:small").name == "small" and sys.modules["timm"] is timm
    assert sys.path[0] != str(own)


def test_a_module_of_a_package_is_imported_once(own):
    (own / "package").mkdir()
    (own / "package" / "__init__.py").touch()
    (own / "package" / "blocks.py").write_text("from torch import nn\nblock = nn.Conv2d(3, 4, 3)\n")
    (own / "package" / "nets.py").write_text(
        "from .blocks import block\nimport convscope as cs\nnet = cs.Network(block, size=8)\n"
    )
    net = cs.load("package.nets:net")
    assert net.layers["logits"].shape == (4, 6, 6) and net.reference["reference"] == "package.nets:net"
    assert sys.modules["package.nets"].net.reference == {"reference": ""}  # whoever holds it knows nothing of this


def test_a_file_of_weights_is_put_into_it(own, tmp_path):
    state = cs.load("mynet.py:small").module.state_dict()
    torch.save({name: tensor + 1 for name, tensor in state.items()}, "w.pth")
    net = cs.load("mynet.py:small", weights="w.pth")
    assert torch.equal(net.module.conv.weight, state["conv.weight"] + 1)
    assert net.labels == tuple("abcde") and net.preprocessing.size == (16, 16)
    assert net.reference == {"reference": "mynet.py:small", "weights": "w.pth"}
    torch.save({"conv.weight": state["conv.weight"], "conv.bias": state["conv.bias"]}, "part.pth")
    with pytest.warns(cs.ConvscopeWarning, match="no weights for head"):
        part = cs.load("mynet.py:small", weights="part.pth")
    with pytest.raises(BadWeights, match="head"):
        part.predict("sample:cat")
    with pytest.raises(BadWeights, match="no weights file"):
        cs.load("mynet.py:small", weights="gone.pth")


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("gone.py:build", r"^There is no file gone\.py\. Check the path\.$"),
        ("mynet.py", r"^mynet\.py must say what in it makes the network\. Name it: mynet\.py:NAME\.$"),
        ("mynet.py:", r"^mynet\.py: must say what.*Name it: mynet\.py:NAME\.$"),
        ("mynet.py:buidl", r"^mynet\.py has no 'buidl'\. Nearest: build.*Name what makes the network\.$"),
        ("mynet.py:wide", r"^mynet\.py:wide must need no arguments.*missing.*'width'.*a function that gives them\.$"),
        ("mynet.py:number", r"^mynet\.py:number must make a torch\.nn\.Module or a cs\.Network, not int\."),
        ("mynet.py:broken", r"not raise TypeError: .*missing.*\(.*helper\.py, line 8\)\. Mend it\.$"),
        ("syntax.py:build", r"not raise SyntaxError: invalid syntax \(syntax\.py, line 2\)\. Mend it\.$"),
        ("ends.py:build", r"not raise SystemExit: 3 \(ends\.py, line 2\)\. Mend it\.$"),
        ("imports.py:build", r"ModuleNotFoundError: No module named 'nowhere' \(imports\.py, line 1\)\. Mend it\.$"),
        ("mynet.inner:build", r"^mynet\.inner must.*No module named 'mynet\.inner'[^(]*\. Mend it\.$"),
    ],
)
def test_what_makes_no_network_is_one_sentence_with_file_and_line(own, reference, says):
    (own / "syntax.py").write_text("\ndef build(:\n")
    (own / "ends.py").write_text("import sys\nsys.exit(3)\n")
    (own / "imports.py").write_text("import nowhere\n")
    with pytest.raises(BadNetwork, match=says) as refused:
        cs.load(reference)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("reference", ["mynet.py:small", "mynet:small", "torchvision.models:resnet18", "gone.py:x"])
def test_what_is_not_named_by_the_user_is_never_run(own, monkeypatch, reference):
    monkeypatch.setattr("convscope.zoo.from_python.from_python", lambda *_: pytest.fail("code was run"))
    assert zoo.own(reference)
    with pytest.raises(UnknownNetwork, match="There is no network"):
        zoo.published(reference)
    with pytest.raises(cs.ConvscopeError, match="judges must be names of networks"):
        cs.maximize(cs.load("lite0"), "logits:1", judges=reference)
    assert not zoo.own("lite0") and not zoo.own("torchvision:resnet18") and not zoo.own("timm:x") and not zoo.own("")


def test_it_says_where_even_what_a_network_that_is_only_part_of_it_raises(own):
    (own / "deep.py").write_text(
        textwrap.dedent("""
        import convscope as cs
        def build():
            return cs.load("torchvision:resnet81", weights=None)
        """)
    )
    with pytest.raises(BadNetwork, match=r"not raise UnknownNetwork: torchvision has no network.*\(deep\.py, line 4\)"):
        cs.load("deep.py:build")


def test_a_module_in_training_is_left_so(own):
    net = cs.load("mynet.py:small")
    assert net.module.training and isinstance(net.module, nn.Module)
    net.predict("sample:cat")
    assert net.module.training
