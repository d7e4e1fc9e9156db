"""What holds for every kind of source: one order whatever the shards, ids that find their image, a steady digest."""

import pickle
import threading

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.utils.data import Subset, TensorDataset

from convscope.base.errors import BadImage, BadKnob, BadSource
from convscope.base.image import open_image
from convscope.data.open import open_source

ARRAYS = [np.full((4, 5), shade, np.uint8) for shade in range(7)]
KINDS = {
    "folder": lambda make, tmp, hf: open_source(make.folder(tmp / "folder", make.files)),
    "zip": lambda make, tmp, hf: open_source(make.zip(tmp / "a.zip", make.files)),
    "tar": lambda make, tmp, hf: open_source(make.tar(tmp / "a.tar", make.files)),
    "tars": lambda make, tmp, hf: open_source(make.shards(tmp)),
    "samples": lambda make, tmp, hf: open_source("samples"),
    "list": lambda make, tmp, hf: open_source(ARRAYS),
    "pairs": lambda make, tmp, hf: open_source([(array, "ab"[i % 2]) for i, array in enumerate(ARRAYS)]),
    "data set": lambda make, tmp, hf: open_source(
        Subset(TensorDataset(torch.rand(7, 3, 4, 4), torch.arange(7)), [5, 0, 3])
    ),
    "hugging face": lambda make, tmp, hf: open_source(hf()),
}


@pytest.fixture(params=KINDS, scope="module")
def source(request, make, tmp_path_factory, hugging_face):
    return KINDS[request.param](make, tmp_path_factory.mktemp("source"), hugging_face)


@pytest.fixture(scope="module")
def every(source):
    return [entry for shard in source.shards(3) for entry in source.entries(shard)]


@given(size=st.integers(1, 20))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_shard_size_gives_the_same_entries_in_the_same_order(source, every, size):
    shards = source.shards(size)
    assert [shard.index for shard in shards] == list(range(len(shards)))
    assert len({shard.name for shard in shards}) == len(shards)
    assert [entry for shard in shards for entry in source.entries(shard)] == every
    for shard in shards:
        assert all(shard.start <= entry.number < shard.stop for entry in source.entries(shard))


def test_numbers_rise_and_ids_differ(every):
    numbers = [entry.number for entry in every]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] < 2**63
    assert len({entry.id for entry in every}) == len(every) > 1


def test_labels_are_numbers_of_classes(source, every):
    assert all(-1 <= entry.label < max(1, len(source.classes)) for entry in every)
    assert all(isinstance(name, str) for name in source.classes)


def test_an_id_finds_its_entry_and_opens_its_image(source, every):
    for entry in every:
        assert source.find(entry.id) == entry
        try:
            expected = open_image(source.read(entry))
        except BadImage:
            with pytest.raises(BadImage):
                source.open(entry.id)
        else:
            assert source.open(entry.id).digest == expected.digest


@pytest.mark.parametrize("id", ["", "nowhere.png", "../etc/passwd", "-1", "99", "01", "²", "a.tar/nowhere.png"])
def test_an_unknown_id_is_refused(source, id):
    with pytest.raises(BadSource, match=r"There is no image|No tar in|An id must be"):
        source.open(id)


def test_a_pickle_reads_the_same_and_holds_no_listing(source, every):
    assert source.digest and source.classes is not None
    copy = pickle.loads(pickle.dumps(source))
    assert not [name for name in vars(copy) if name.startswith("_")]
    assert copy.describe() == source.describe() == {"reference": source.reference, "digest": source.digest}
    assert copy.classes == source.classes
    again = [entry for shard in copy.shards(3) for entry in copy.entries(shard)]
    assert again == every
    assert copy.open(every[0].id).digest == source.open(every[0].id).digest


def test_a_reference_opens_the_same_source(source):
    if source.reference:
        assert open_source(source.reference).describe() == source.describe()
    assert open_source(source) is source


def test_several_threads_may_read(source, every):
    def digest(entry):
        try:
            return source.image(entry).digest
        except BadImage as error:
            return str(error)

    expected = [digest(entry) for entry in every]
    found = [None] * 4
    threads = [
        threading.Thread(target=lambda i=i: found.__setitem__(i, [digest(entry) for entry in every])) for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_a_shard_of_nothing_is_refused(source):
    with pytest.raises(BadKnob, match="at least 1 image, not 0"):
        source.shards(0)


def test_a_shard_of_another_source_is_refused(source):
    last = source.shards(100)[-1]
    beyond = type(last)(9, "beyond", last.stop + 2**40, last.stop + 2**40 + 1)
    with pytest.raises(BadSource, match="again with"):
        source.entries(beyond)
