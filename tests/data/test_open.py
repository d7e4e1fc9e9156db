"""Lists and data sets as sources, and everything that is refused, with the next step."""

import gzip

import numpy as np
import PIL.Image
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

import convscope as cs
from convscope.base.errors import BadImage, BadSource
from convscope.data.open import open_source

GREY = np.full((4, 5, 3), 128, np.uint8)


def listed(source):
    return [entry for shard in source.shards(4) for entry in source.entries(shard)]


class Lambda(Dataset):
    """A data set of whatever a function makes of a number."""

    def __init__(self, make, count=4, **attributes):
        self.make, self.count = make, count
        vars(self).update(attributes)

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.make(index)


class TestLists:
    def test_all_kinds_of_images_are_items(self, tmp_path):
        PIL.Image.fromarray(GREY).save(tmp_path / "a.png")
        path = tmp_path / "a.png"
        items = [path, str(path), path.read_bytes(), PIL.Image.open(path), GREY, cs.open_image(GREY), GREY / 255]
        items += [torch.from_numpy(GREY / 255).permute(2, 0, 1), torch.full((1, 4, 5), 128 / 255, dtype=torch.float64)]
        for source in (open_source(items), open_source(tuple(items))):
            for entry in listed(source):
                np.testing.assert_array_equal(source.image(entry).pixels, GREY)
            assert [entry.id for entry in listed(source)] == [str(i) for i in range(len(items))]
            assert source.reference == "" and source.classes == ()

    def test_arrays_and_tensors_are_taken_apart(self):
        grey = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7)
        for array in (grey, grey[..., None], np.repeat(grey[..., None], 3, -1), torch.from_numpy(grey[:, None] / 255)):
            source = open_source(array)
            assert len(source) == 5
            np.testing.assert_array_equal(source.open("3").pixels[..., 0], grey[3])

    @pytest.mark.parametrize(
        ("labels", "classes", "numbers"),
        [
            ([3, 0, 1], ("0", "1", "2", "3"), [3, 0, 1]),
            ([np.int64(1), torch.tensor(0), -1], ("0", "1"), [1, 0, -1]),
            (["dog", "cat", "dog"], ("cat", "dog"), [1, 0, 1]),
            (["10", "9", None], ("9", "10"), [1, 0, -1]),
            ([None, None, None], (), [-1, -1, -1]),
        ],
    )
    def test_labels_are_numbers_or_names(self, labels, classes, numbers):
        source = open_source([(GREY, label) for label in labels])
        assert source.classes == classes
        assert [entry.label for entry in listed(source)] == numbers

    def test_the_digest_follows_contents_labels_and_file_sizes(self, tmp_path):
        changed = GREY.copy()
        changed[0, 0, 0] = 0
        (tmp_path / "x.png").write_bytes(b"12")
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "x.png").write_bytes(b"123")
        items = [
            [GREY],
            [changed],
            [GREY, GREY],
            [(GREY, 0)],
            [(GREY, 1)],
            [(GREY, "0 ")],
            [b"a"],
            [b"b"],
            ["sample:cat"],
        ]
        items += [
            [tmp_path / "x.png"],
            [tmp_path / "sub" / "x.png"],
            [torch.zeros(3, 4, 4)],
            [torch.full((3, 4, 4), 9)],
        ]
        assert len({open_source(each).digest for each in items}) == len(items)
        assert open_source([GREY.copy()]).digest == open_source([PIL.Image.fromarray(GREY)]).digest

    def test_tensors_that_are_no_pictures_are_refused_one_by_one(self):
        tensors = [torch.randn(3, 9, 9) * 3, torch.zeros(3, 9, 9, dtype=torch.uint8), torch.zeros(5, 9, 9)]
        tensors += [torch.zeros(9, 9), torch.full((3, 9, 9), float("nan")), torch.zeros(3, 0, 9)]
        source = open_source([*tensors, object()])
        match = [r"leave Normalize out", "uint8", "5, 9, 9", r"\(9, 9\)", "nan to nan", "3, 0, 9", "not object"]
        for entry, reason in zip(listed(source), match, strict=True):
            with pytest.raises(BadImage, match=reason):
                source.image(entry)

    def test_the_samples_are_a_source(self):
        source = open_source("samples")
        assert [entry.id for entry in listed(source)] == [f"sample:{name}" for name in cs.samples()]
        assert source.open("sample:cat").digest == cs.open_image("sample:cat").digest
        assert source.reference == "samples"


class TestDataSets:
    def test_hugging_face_columns_and_names(self, hugging_face):
        for data in (hugging_face(), hugging_face("photo")):
            source = open_source(data)
            assert source.classes == ("cat", "dog")
            assert [(entry.id, entry.label) for entry in listed(source)] == [(str(i), i % 2) for i in range(5)]
            assert source.open("3").pixels[0, 0].tolist() == [3, 3, 3]

    def test_labels_beside_the_images_spare_decoding_them(self, hugging_face):
        data = hugging_face(count=50)
        listed(open_source(data))
        assert set(data.decoded) == {0, 49}

    def test_undecoded_hugging_face_images_are_decoded(self, make, tmp_path):
        (tmp_path / "a.png").write_bytes(make.encode(5))
        columns = [{"bytes": make.encode(5), "path": "a.png"}, {"bytes": None, "path": str(tmp_path / "a.png")}]
        source = open_source(Lambda(lambda i: {"image": columns[i], "label": i}, 2))
        assert [source.image(entry).pixels[0, 0, 0] for entry in listed(source)] == [5, 5]
        assert source.classes == ("0", "1")

    def test_several_image_columns_are_refused(self, hugging_face):
        data = hugging_face("left")
        data.features["right"] = data.features["left"]
        with pytest.raises(BadSource, match=r"not 2 among left, label, note, right"):
            open_source(data)

    def test_a_subset_has_the_labels_and_classes_of_the_whole(self, hugging_face):
        data = Lambda(lambda i: (GREY, 9), 6, targets=torch.tensor([9] * 6), classes=list("abcdefghij"))
        source = open_source(Subset(Subset(data, [5, 4, 3]), [2, 0]))
        assert [entry.label for entry in listed(source)] == [9, 9]
        assert source.classes == tuple("abcdefghij")
        assert open_source(Subset(hugging_face(), [4, 1])).classes == ("cat", "dog")
        assert [e.label for e in listed(open_source(Subset(hugging_face("photo"), [4, 1])))] == [0, 1]

    def test_listed_labels_that_are_not_those_of_the_items_are_not_used(self):
        data = Lambda(lambda i: (GREY, i % 2), targets=[0, 1, 2, 3])
        assert [entry.label for entry in listed(open_source(data))] == [0, 1, 0, 1]
        data = Lambda(lambda i: (GREY, 7 * (i == 2)), targets=[0, 1, 2, 0], target_transform=lambda y: 7 * (y == 2))
        assert [entry.label for entry in listed(open_source(data))] == [0, 0, 7, 0]

    def test_synonyms_of_a_class_are_joined(self):
        data = Lambda(lambda i: (GREY, i), 2, classes=[("tench", "Tinca tinca"), ("goldfish",)])
        assert open_source(data).classes == ("tench, Tinca tinca", "goldfish")

    def test_an_item_that_raises_is_refused_alone_with_its_reason(self):
        source = open_source(Lambda(lambda i: (GREY, [5, 6, 7][i])))
        assert [entry.label for entry in listed(source)] == [5, 6, 7, -1]
        with pytest.raises(BadImage, match=r"Item 3 cannot be read \(IndexError: list index out of range\)"):
            source.open("3")

    def test_the_digest_follows_pictures_unless_they_change_at_each_look(self):
        still = [
            open_source(Lambda(lambda i, shade=shade: np.full((4, 4), shade + i, np.uint8))) for shade in (0, 0, 1)
        ]
        assert still[0].digest == still[1].digest != still[2].digest
        random = [open_source(Lambda(lambda i: np.random.default_rng().random((4, 4)))) for _ in range(2)]
        assert random[0].digest == random[1].digest

    def test_torchvision_mnist(self, shared, tmp_path):
        datasets = pytest.importorskip("torchvision.datasets")
        raw = tmp_path / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for packed in (shared / "data" / "mnist" / "MNIST" / "raw").glob("*.gz"):  # torchvision wants them unpacked
            unpacked = gzip.decompress(packed.read_bytes()) if packed.name.startswith("t10k") else b""
            (raw / packed.stem).write_bytes(unpacked)
        source = open_source(datasets.MNIST(tmp_path, train=False))
        assert len(source) == 10000 and source.classes[3] == "3 - three"
        assert [entry.label for entry in listed(source)[:5]] == [7, 2, 1, 0, 4]
        assert source.open("0").size == (28, 28)

    def test_torchvision_fake_data_and_tensors(self):
        datasets = pytest.importorskip("torchvision.datasets")
        data = datasets.FakeData(6, (3, 8, 8), 4)
        source = open_source(data)
        assert [entry.label for entry in listed(source)] == [int(data[i][1]) for i in range(6)]
        np.testing.assert_array_equal(source.open("2").pixels, np.asarray(data[2][0]))
        assert len(open_source(TensorDataset(torch.rand(3, 3, 4, 4), torch.tensor([0, 2, 1]))).classes) == 3


class TestRefusals:
    @pytest.mark.parametrize(
        ("make_source", "match"),
        [
            (lambda tmp: tmp / "nowhere", "no folder, zip or tar .*nowhere"),
            (lambda tmp: "", "no folder, zip or tar"),
            (lambda tmp: tmp, "no files in"),
            (lambda tmp: [], "list is empty"),
            (lambda tmp: np.zeros((0, 4, 4, 3), np.uint8), "list is empty"),
            (lambda tmp: Lambda(None, 0), "Lambda is empty"),
            (lambda tmp: GREY, r"not \(4, 5, 3\)"),
            (lambda tmp: b"x", r"not one image \(bytes\)"),
            (lambda tmp: cs.open_image(GREY), "not one image"),
            (lambda tmp: PIL.Image.fromarray(GREY), "not one image"),
            (lambda tmp: {"train": [GREY]}, r"Choose one of them, as in data\['train'\]"),
            (lambda tmp: 7, "not int. Give its path"),
            (lambda tmp: None, "not NoneType"),
            (lambda tmp: (image for image in [GREY]), "not generator. Make a list"),
            (lambda tmp: {"a.png"}, "not set. Make a list"),
            (lambda tmp: DataLoader([1]), "loader.dataset"),
            (lambda tmp: [(GREY, 1.5)], r"not float 1\.5"),
            (lambda tmp: [(GREY, {"boxes": []})], "A label must be"),
            (lambda tmp: [(GREY, 1), (GREY, "cat")], r"not both \(1 and 'cat'\)"),
            (lambda tmp: [(GREY, -2)], "must be from 0"),
            (lambda tmp: [(GREY, 10**9)], "must be from 0"),
        ],
    )
    def test_what_is_no_source_is_refused(self, tmp_path, make_source, match):
        with pytest.raises(BadSource, match=match):
            open_source(make_source(tmp_path))

    @pytest.mark.parametrize("data", [b"", b"no zip", None])
    def test_a_damaged_zip_is_refused(self, make, tmp_path, data):
        path = make.zip(tmp_path / "a.zip", {"a.png": make.encode(1)})
        path.write_bytes(path.read_bytes()[:40] if data is None else data)
        with pytest.raises(BadSource, match="must be a zip"):
            open_source(path)

    def test_an_empty_zip_and_a_folder_of_nothing_are_refused(self, make, tmp_path):
        with pytest.raises(BadSource, match="no files in"):
            open_source(make.zip(tmp_path / "a.zip", {"a/": b"", ".b": b""}))
        with pytest.raises(BadSource, match="no files in"):
            open_source(make.folder(tmp_path / "f", {".a/b.png": b"", ".c": b""}))

    def test_one_file_is_no_source(self, make, tmp_path):
        with pytest.raises(BadSource, match=r"For one image, give \["):
            open_source(make.folder(tmp_path, {"a.png": b""}) / "a.png")

    def test_a_folder_of_tars_and_images_is_refused(self, make, tmp_path):
        make.folder(make.shards(tmp_path), {"a.JPG": b"", "info.json": b"", "sub/b.png": b""})
        with pytest.raises(BadSource, match=r"tars or images, not both"):
            open_source(tmp_path)
        (tmp_path / "a.JPG").unlink()
        assert len(open_source(tmp_path).paths) == 3

    @pytest.mark.parametrize(("label", "match"), [(4, "below 2"), ("bird", "not one of the 2 classes"), (0.5, "float")])
    def test_wrong_labels_of_a_data_set_are_refused_when_listed(self, label, match):
        source = open_source(Lambda(lambda i: (GREY, label), classes=["cat", "dog"]))
        with pytest.raises(BadSource, match=match):
            listed(source)
