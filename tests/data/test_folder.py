"""Folders and zips: which files count, what their classes are, and what is wrong with those that cannot be read."""

import os
import threading
import zipfile

import pytest

from convscope.base.errors import BadImage, BadSource
from convscope.data.open import open_source
from convscope.data.source import Entry


def listed(source):
    return [entry for shard in source.shards(4) for entry in source.entries(shard)]


def plain(files):
    return dict.fromkeys(files, b"")


@pytest.fixture(params=["folder", "zip", "zip in one folder"])
def source(request, make, tmp_path):
    if request.param == "folder":
        return open_source(make.folder(tmp_path / "f", make.files))
    prefix = "all-of-it/" if "one" in request.param else ""
    return open_source(make.zip(tmp_path / "a.zip", {prefix + name: data for name, data in make.files.items()}))


class TestListing:
    def test_every_file_counts_in_order_of_paths_and_hidden_ones_do_not(self, source, make):
        assert [entry.id.removeprefix("all-of-it/") for entry in listed(source)] == make.ids

    def test_the_first_folder_is_the_class_and_files_beside_folders_have_none(self, source, make):
        assert source.classes == ("cat", "cat-like", "dog")
        assert [entry.label for entry in listed(source)] == make.labels

    def test_bad_files_are_refused_with_a_reason_by_name(self, source, make):
        for id in [entry.id for entry in listed(source)]:
            reason = make.bad.get(id.removeprefix("all-of-it/"))
            if not reason:
                assert source.open(id).size in ((6, 8),)
                continue
            with pytest.raises(BadImage, match=reason) as error:
                source.open(id)
            assert id in str(error.value)

    @pytest.mark.parametrize("kind", ["folder", "zip"])
    @pytest.mark.parametrize(
        ("files", "classes"),
        [
            (["10/a", "9/a", "2/a"], ("2", "9", "10")),
            (["10/a", "9/a", "x/a"], ("10", "9", "x")),
            (["007/a", "8/a", "09/a"], ("007", "8", "09")),
            (["a.png", "b.png"], ()),
            (["b/x/y/z.png", "a/.hidden"], ("b",)),
        ],
    )
    def test_classes_are_in_order_of_value_if_all_are_numbers(self, make, tmp_path, kind, files, classes):
        files = files if kind == "folder" else [*files, "top.png"]  # else the zip has a root that is no class
        assert open_source(getattr(make, kind)(tmp_path / f"a.{kind}", plain(files))).classes == classes

    @pytest.mark.parametrize(
        ("files", "classes"),
        [
            (["r/a/1", "r/b/1"], ("a", "b")),
            (["r/a/1", "r/b/1", "r/2"], ("a", "b")),
            (["r/s/a/1", "r/s/b/1"], ("a", "b")),
            (["r/1", "r/2"], ("r",)),
            (["r/a/1", "s/1"], ("r", "s")),
            (["./r/a/1", "./r/b/1"], ("a", "b")),
        ],
    )
    def test_a_folder_that_holds_a_whole_zip_is_no_class(self, make, tmp_path, files, classes):
        assert open_source(make.zip(tmp_path / "a.ZIP", plain(files))).classes == classes

    def test_the_digest_follows_names_and_contents_but_not_the_place(self, make, tmp_path):
        files = {"a/1.png": b"one", "b/2.png": b"two"}
        changes = [
            files,
            {**files, "b/3.png": b""},
            {**files, "b/2.png": b"twofold"},
            {"a/1.png": b"one", "c/2": b"two"},
        ]
        for write in (make.folder, make.zip):
            digests = [
                open_source(write(tmp_path / f"{write.__name__}{i}.zip", f)).digest for i, f in enumerate(changes)
            ]
            assert len(set(digests)) == len(changes)
            (tmp_path / write.__name__).mkdir()
            assert open_source(write(tmp_path / write.__name__ / "copy.zip", files)).digest == digests[0]


class TestFolders:
    def test_links_to_files_and_folders_are_followed_and_loops_are_not(self, make, tmp_path):
        root = make.folder(tmp_path / "f", {"a/1.png": make.encode(1), "b/2.png": make.encode(2)})
        outside = make.folder(tmp_path / "out", {"3.png": make.encode(3)})
        (root / "b" / "link.png").symlink_to(root / "a" / "1.png")
        (root / "c").symlink_to(outside)
        (root / "a" / "up").symlink_to(root)
        (root / "a" / "self").symlink_to("self")
        (root / "b" / "dead.png").symlink_to("nowhere")
        source = open_source(root)
        ids = [entry.id for entry in listed(source)]
        assert ids == ["a/1.png", "a/self", "b/2.png", "b/dead.png", "b/link.png", "c/3.png"]
        assert source.open("b/link.png").pixels[0, 0, 0] == 1
        with pytest.raises(BadImage, match="no file"):
            source.open("b/dead.png")

    def test_a_pipe_is_not_waited_for(self, make, tmp_path):
        os.mkfifo(make.folder(tmp_path / "f", {"1.png": b""}) / "pipe")
        assert len(open_source(tmp_path / "f")) == 1

    def test_a_name_that_is_no_text_can_be_stored_and_read(self, make, tmp_path):
        odd = os.fsdecode(b"caf\xe9.png")
        source = open_source(make.folder(tmp_path / "f", {odd: make.encode(7), "a.png": make.encode(1)}))
        entry = listed(source)[1]
        assert entry.id.encode() == b"caf\\xe9.png"
        assert source.open(entry.id).pixels[0, 0, 0] == 7

    def test_an_entry_can_be_read_without_its_hint_and_without_listing(self, make, tmp_path):
        source = open_source(make.folder(tmp_path / "f", make.files))
        assert source.image(Entry(0, "cat/a.png", 0)).pixels[0, 0, 0] == 10
        assert "_files" not in vars(source)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
    def test_a_folder_that_cannot_be_listed_is_named(self, make, tmp_path):
        make.folder(tmp_path / "f", {"a/1.png": b""}).joinpath("a").chmod(0)
        with pytest.raises(BadSource, match="must be readable"):
            open_source(tmp_path / "f")


class TestZips:
    def test_handles_are_one_per_thread(self, make, tmp_path):
        source = open_source(make.zip(tmp_path / "a.zip", make.files))
        found = []
        threads = [threading.Thread(target=lambda: found.append(source._zip())) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(handle) for handle in [*found, source._zip()]}) == 4
        assert source._zip() is source._zip()

    def test_a_forked_process_does_not_share_the_position(self, make, tmp_path, monkeypatch):
        source = open_source(make.zip(tmp_path / "a.zip", make.files))
        parent = source._zip()
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert source._zip() is not parent

    @pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_packed_members_are_read(self, make, tmp_path, method):
        source = open_source(make.zip(tmp_path / "a.zip", {"a.png": make.encode(9)}, compression=method))
        assert source.open("a.png").pixels[0, 0, 0] == 9

    def test_a_damaged_member_is_refused_alone(self, make, tmp_path):
        path = make.zip(tmp_path / "a.zip", {"a.png": make.encode(9), "b.png": make.encode(8)})
        data = bytearray(path.read_bytes())
        data[data.index(b"IDAT") + 6] ^= 255
        path.write_bytes(data)
        source = open_source(path)
        with pytest.raises(BadImage, match=r"a\.png cannot be read from the zip \(BadZipFile: Bad CRC"):
            source.open("a.png")
        assert source.open("b.png").pixels[0, 0, 0] == 8

    def test_a_zip_bomb_is_not_unpacked(self, make, tmp_path, monkeypatch):
        monkeypatch.setattr("convscope.data.zip.MAX_BYTES", 1000)
        source = open_source(make.zip(tmp_path / "a.zip", {"a.png": bytes(1001)}, compression=zipfile.ZIP_DEFLATED))
        with pytest.raises(BadImage, match="at most 1 GB"):
            source.read(source.find("a.png"))

    def test_the_development_data(self, shared):
        source = open_source(shared / "data" / "imagenet-500.zip")
        assert len(source) == len(source.classes) == 500
        assert source.classes[:2] == ("0000_n01440764", "0002_n01484850")
        assert [entry.label for entry in listed(source)] == list(range(500))
        assert min(source.open("0000_n01440764/tench.jpg").size) == 288
