"""Tars in WebDataset's layout, and patterns that name them."""

import pytest

from convscope.base.errors import BadImage, BadSource
from convscope.data import tar_index
from convscope.data.open import open_source
from convscope.data.patterns import braced
from convscope.data.source import Entry


def listed(source):
    return [entry for shard in source.shards(1) for entry in source.entries(shard)]


class TestLayout:
    def test_a_tar_is_a_shard_and_members_with_the_same_key_belong_together(self, make, tmp_path):
        source = open_source(make.shards(tmp_path))
        assert [shard.name for shard in source.shards(1)] == [f"shards-{i:03d}.tar" for i in range(3)]
        assert [len(source.entries(shard)) for shard in source.shards(10**6)] == [4, 3, 5]
        entries = listed(source)
        assert entries[5].id == "shards-001.tar/0005.png"
        assert [entry.number for entry in entries] == [
            *range(4),
            *(2**32 + i for i in range(3)),
            *(2**33 + i for i in range(5)),
        ]
        assert [entry.label for entry in entries] == [number % 3 for number in range(12)]
        assert source.classes == ("0", "1", "2")
        assert [source.image(entry).pixels[0, 0, 0] for entry in entries] == list(range(12))

    def test_labels_may_be_names_and_may_be_missing(self, make, tmp_path):
        source = open_source(make.shards(tmp_path, label=lambda number: ["dog", "cat", "", "-1"][number % 4] + "\n"))
        assert source.classes == ("cat", "dog")
        assert [entry.label for entry in listed(source)][:8] == [1, 0, -1, -1] * 2

    def test_pictures_with_the_same_name_up_to_the_first_dot_are_all_listed(self, make, tmp_path):
        files = {f"cat.v{n}.png": make.encode(n) for n in (1, 2)} | {"cat.cls": b"4", "dog.png": make.encode(3)}
        source = open_source(make.tar(tmp_path / "x.tar", files))
        assert [entry.id for entry in listed(source)] == ["x.tar/cat.v1.png", "x.tar/cat.v2.png", "x.tar/dog.png"]
        assert [source.image(entry).pixels[0, 0, 0] for entry in listed(source)] == [1, 2, 3]

    def test_folders_in_a_tar_are_part_of_the_key(self, make, tmp_path):
        files = {"./a/1.jpg": make.encode(1, "JPEG"), "./a/1.cls": b"4", "b/1.PNG": make.encode(2), "b/1.cls": b"2"}
        source = open_source(make.tar(tmp_path / "x.tar", files))
        assert [(entry.id, entry.label) for entry in listed(source)] == [("x.tar/a/1.jpg", 4), ("x.tar/b/1.PNG", 2)]
        assert source.classes == ("0", "1", "2", "3", "4")

    def test_a_tar_without_labels_has_no_classes(self, make, tmp_path):
        source = open_source(make.tar(tmp_path / "x.tar", {"1.png": make.encode(1), "._1.png": b""}))
        assert source.classes == ()
        assert [entry.label for entry in listed(source)] == [-1]

    def test_long_and_foreign_names_are_read(self, make, tmp_path):
        names = ["x" * 150 + "/" + "y" * 150 + ".png", "Füße/é.png"]
        source = open_source(make.tar(tmp_path / "x.tar", {name: make.encode(i) for i, name in enumerate(names)}))
        assert [entry.id for entry in listed(source)] == [f"x.tar/{name}" for name in names]
        assert [source.image(entry).pixels[0, 0, 0] for entry in listed(source)] == [0, 1]

    def test_tars_of_the_same_name_are_told_apart(self, make, tmp_path):
        for folder in "ab":
            (tmp_path / folder).mkdir()
            make.tar(tmp_path / folder / "x.tar", {"1.png": make.encode(ord(folder))})
        source = open_source(str(tmp_path / "{b,a}" / "x.tar"))
        assert [entry.id for entry in listed(source)] == ["a/x.tar/1.png", "b/x.tar/1.png"]
        assert source.open("b/x.tar/1.png").pixels[0, 0, 0] == ord("b")

    def test_an_entry_can_be_read_without_its_hint(self, make, tmp_path):
        source = open_source(make.shards(tmp_path))
        found = listed(source)[9]
        assert source.image(Entry(found.number, found.id, 0)).pixels[0, 0, 0] == 9

    def test_the_digest_follows_contents_but_not_the_place(self, make, tmp_path):
        def digest(name, label):
            (tmp_path / name).mkdir()
            return open_source(make.shards(tmp_path / name, label=label)).digest

        first = digest("a", lambda number: str(number % 3))
        assert digest("b", lambda number: str(number % 3)) == first
        assert digest("c", lambda number: str((number + 1) % 3)) != first


class TestLaziness:
    @pytest.fixture
    def asked(self, monkeypatch):
        asked = []
        inner = tar_index._members
        monkeypatch.setattr(
            tar_index, "_members", lambda path, *stamp: (asked.append(path[-5]), inner(path, *stamp))[1]
        )
        return asked

    def test_numbered_labels_need_no_other_tar(self, make, tmp_path, asked):
        source = open_source(make.shards(tmp_path))
        source.entries(source.shards(1)[1])
        assert asked == ["1"]
        assert source.classes and source.classes
        assert asked == ["1", "0", "1", "2"]

    def test_named_labels_need_all_tars_once(self, make, tmp_path, asked):
        source = open_source(make.shards(tmp_path, label=lambda number: "ab"[number % 2]))
        listed(source)
        assert asked == ["0", "0", "1", "2", "1", "2"]

    def test_a_tar_that_changed_is_listed_again(self, make, tmp_path):
        source = open_source(make.tar(tmp_path / "x.tar", {"1.png": make.encode(1)}))
        assert len(listed(source)) == 1
        make.tar(tmp_path / "x.tar", {f"{i}.png": make.encode(i) for i in range(20)})
        assert len(listed(source)) == 20


class TestPatterns:
    def test_braces_stand_for_what_they_do_in_a_shell(self):
        assert braced("a{08..10}b") == ["a08b", "a09b", "a10b"]
        assert braced("{a,b}{1..2}.tar") == ["a1.tar", "a2.tar", "b1.tar", "b2.tar"]
        assert braced("plain") == ["plain"]
        with pytest.raises(BadSource, match="count up"):
            braced("{3..1}")

    def test_braces_that_stand_for_too_much_are_refused_and_many_that_do_not_are_read(self):
        for pattern in ("{a,b}" * 30, "{1..2000}{1..2000}"):
            with pytest.raises(BadSource, match="at most a million"):
                braced(pattern)
        assert braced("{a}" * 3000) == ["a" * 3000]
        long = f"{{1..{'9' * 5000}}}"  # more digits than Python reads as a number
        assert braced(long) == [long[1:-1]]

    @pytest.mark.parametrize("pattern", ["shards-{000..002}.tar", "shards-*.tar", "sh*-{000,001,002}.tar", ""])
    def test_patterns_and_the_folder_name_the_same_source(self, make, tmp_path, pattern):
        make.shards(tmp_path)
        source = open_source(tmp_path / pattern)
        assert len(source.paths) == 3
        assert source.reference == str(tmp_path / pattern)
        assert source.digest == open_source(tmp_path).digest

    def test_what_is_missing_is_named(self, make, tmp_path):
        make.shards(tmp_path)
        with pytest.raises(BadSource, match=r"no file .*shards-003\.tar, which"):
            open_source(tmp_path / "shards-{000..009}.tar")
        with pytest.raises(BadSource, match="nothing matches"):
            open_source(tmp_path / "other-*.tar")
        with pytest.raises(BadSource, match="must name tar files"):
            make.folder(tmp_path, {"a.txt": b""})
            open_source(tmp_path / "*")


class TestDamage:
    @pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
    @pytest.mark.parametrize("name", ["x.tar", "x.tar.gz"])
    def test_a_compressed_tar_is_refused_with_the_way_to_unpack_it(self, make, tmp_path, mode, name):
        make.tar(tmp_path / name, {"1.png": make.encode(1)}, mode)
        with pytest.raises(BadSource, match=r"must not be compressed.* Unpack it once with (gunzip|bunzip2|unxz)\."):
            open_source(tmp_path)

    @pytest.mark.parametrize("data", [b"", b"no tar", bytes(300), b"x" * 2000])
    def test_what_is_no_tar_is_refused(self, tmp_path, data):
        (tmp_path / "x.tar").write_bytes(data)
        with pytest.raises(BadSource, match="must be a tar"):
            open_source(tmp_path / "x.tar")

    @pytest.mark.parametrize(
        "damage", [lambda d: d[:1300], lambda d: d[: 1024 + 100], lambda d: d[:1024] + b"?" * 512 + d[1536:]]
    )
    def test_a_tar_that_breaks_off_is_not_taken_for_a_short_one(self, make, tmp_path, damage):
        path = make.tar(tmp_path / "x.tar", {f"{i}.png": make.encode(i) for i in range(3)})
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(BadSource, match=r"x\.tar must be a tar"):
            listed(open_source(str(tmp_path / "*.tar")))

    def test_a_tar_without_images_is_refused_alone_but_may_be_among_others(self, make, tmp_path):
        make.tar(tmp_path / "b.tar", {"1.json": b"{}"})
        with pytest.raises(BadSource, match="there are none"):
            open_source(tmp_path / "b.tar")
        make.tar(tmp_path / "a.tar", {"1.png": make.encode(1)})
        assert [len(source.entries(shard)) for source in [open_source(tmp_path)] for shard in source.shards(1)] == [
            1,
            0,
        ]

    def test_a_tar_that_shrank_is_cut_short(self, make, tmp_path):
        source = open_source(make.shards(tmp_path))
        entries = listed(source)
        path = tmp_path / "shards-000.tar"
        path.write_bytes(path.read_bytes()[:520])
        with pytest.raises(BadImage, match="cut short"):
            source.read(entries[0])
        path.unlink()
        with pytest.raises(BadImage, match="cannot be read from the tar"):
            source.read(entries[0])

    @pytest.mark.parametrize(
        ("labels", "match"), [(["1", "cat"], "not both"), (["-7"], "must be from 0"), (["9999999"], "must be from 0")]
    )
    def test_labels_that_make_no_classes_are_refused(self, make, tmp_path, labels, match):
        source = make.shards(tmp_path, label=lambda number: labels[number % len(labels)])
        with pytest.raises(BadSource, match=match):
            listed(open_source(source))
