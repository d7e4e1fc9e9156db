"""Batches are the same whoever decodes, refused images have reasons, and workers never outlive the iterator."""

import errno
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest

from convscope.base.errors import BadImage, BadKnob, BadSource
from convscope.data import loading
from convscope.data.loading import batches
from convscope.data.open import open_source
from convscope.data.source import Counted, Entry
from convscope.network.preprocessing import Preprocessing

CROP = Preprocessing((5, 7)).crop


@dataclass(frozen=True)
class Made(Counted):
    """A source whose images a function makes, in whatever process."""

    make: object
    count: int = 12
    reference: str = ""
    classes = ()
    digest = ""

    def __len__(self):
        return self.count

    def entry(self, number):
        return Entry(number, str(number), -1)

    def find(self, id):
        return self.entry(int(id))

    def read(self, entry):
        return self.make(entry.number)


def grey(number):
    return np.full((6, 8), number % 256, np.uint8)


def pausing(seconds):
    """Makes images, the eighth of them only after a while."""

    def make(number):
        time.sleep(seconds if number == 7 else 0)
        return grey(number)

    return make


def all_of(source, shard=5, batch=2, workers=0):
    return list(batches(source, source.shards(shard), CROP, batch, workers))


def plain(batch):
    return (batch.shard, batch.entries, batch.seen.tobytes(), batch.seen.shape, batch.seen.dtype, batch.sizes.tolist(),
            batch.sizes.dtype, batch.refused, batch.last)  # fmt: skip


def no_children():
    return not multiprocessing.active_children()


@pytest.fixture(params=["folder", "zip", "tars", "list", "data set"])
def source(request, make, tmp_path, hugging_face):
    match request.param:
        case "folder":
            return open_source(make.folder(tmp_path / "f", make.files))
        case "zip":
            return open_source(make.zip(tmp_path / "a.zip", make.files))
        case "tars":
            return open_source(make.shards(tmp_path))
        case "list":
            return open_source([make.files[id] for id in make.ids])
        case "data set":
            return open_source(hugging_face())


class TestBatches:
    def test_workers_give_the_same_batches(self, source):
        here = [plain(batch) for batch in all_of(source)]
        assert [plain(batch) for batch in all_of(source, workers=2)] == here
        assert no_children()

    @pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
    def test_batches_hold_every_entry_once_in_order_and_never_two_shards(self, source, batch_size):
        expected = [(shard, entry) for shard in source.shards(4) for entry in source.entries(shard)]
        found = all_of(source, 4, batch_size)
        entries = [
            (b.shard, e)
            for b in found
            for e in sorted([*b.entries, *(e for e, _ in b.refused)], key=lambda e: e.number)
        ]
        assert entries == expected
        assert [batch.shard for batch in found if batch.last] == source.shards(4)
        for batch in found:
            assert batch.seen.shape == (len(batch.entries), 5, 7, 3) and batch.seen.dtype == np.uint8
            assert batch.sizes.shape == (len(batch.entries), 2) and batch.sizes.dtype == np.int32
            assert len(batch.entries) + len(batch.refused) <= batch_size

    def test_seen_is_what_crop_makes_and_sizes_are_those_before(self, source):
        for batch in all_of(source, workers=2):
            for entry, seen, size in zip(batch.entries, batch.seen, batch.sizes, strict=True):
                image = source.open(entry.id)
                np.testing.assert_array_equal(seen, CROP(image))
                assert tuple(size) == image.size

    @pytest.mark.parametrize("workers", [0, 2])
    def test_refused_images_have_a_reason_in_one_line(self, make, tmp_path, workers):
        source = open_source(make.folder(tmp_path / "f", make.files))
        refused = {entry.id: reason for batch in all_of(source, workers=workers) for entry, reason in batch.refused}
        assert set(refused) == set(make.bad)
        for id, reason in refused.items():
            assert make.bad[id] in reason and "\n" not in reason

    @pytest.mark.parametrize("workers", [0, 2])
    def test_a_shard_without_a_usable_image_still_has_a_last_batch(self, make, tmp_path, workers):
        make.tar(tmp_path / "a.tar", {"1.png": b"?", "2.png": b"?", "3.png": b"?"})
        make.tar(tmp_path / "b.tar", {"1.json": b"{}"})
        make.tar(tmp_path / "c.tar", {"1.png": make.encode(3)})
        found = all_of(open_source(tmp_path), workers=workers)
        assert [(b.shard.index, len(b.entries), len(b.refused), b.last) for b in found] == [
            (0, 0, 2, False), (0, 0, 1, True), (1, 0, 0, True), (2, 1, 0, True),
        ]  # fmt: skip
        assert [batch.seen.shape for batch in found] == [(0, 5, 7, 3)] * 3 + [(1, 5, 7, 3)]

    @pytest.mark.parametrize("workers", [0, 2])
    @pytest.mark.parametrize(
        "error", [RuntimeError("two\nlines"), KeyError("x"), MemoryError(), BadImage("a\n b"), StopIteration()]
    )
    def test_whatever_one_image_raises_is_its_reason(self, workers, error):
        def make(number):
            if number == 3:
                raise error
            return grey(number)

        found = all_of(Made(make), workers=workers)
        [[entry, reason]] = [pair for batch in found for pair in batch.refused]
        assert entry.number == 3 and "\n" not in reason
        assert type(error).__name__ in reason or reason == "a b"
        assert sum(len(batch.entries) for batch in found) == 11

    @pytest.mark.parametrize("workers", [0, 1])
    def test_a_crop_that_refuses_is_a_reason_and_one_that_is_broken_is_an_error(self, workers):
        narrow = Made(lambda number: np.zeros((8_000_000, 1), np.uint8) if number == 1 else grey(number), 3)
        [batch] = batches(narrow, narrow.shards(9), Preprocessing((64, 64)).crop, 9, workers)
        assert [(entry.number, "too narrow" in reason) for entry, reason in batch.refused] == [(1, True)]
        with pytest.raises(ZeroDivisionError):
            list(batches(narrow, narrow.shards(9), lambda image: 1 // 0, 9, workers))
        assert no_children()

    def test_wrong_numbers_are_refused(self):
        for size, workers in ((0, 0), (1, -1)):
            with pytest.raises(BadKnob, match="at least"):
                all_of(Made(grey), batch=size, workers=workers)

    @pytest.mark.parametrize("workers", [0, 2])
    def test_no_shards_no_batches(self, workers):
        assert list(batches(Made(grey), [], CROP, 2, workers)) == []

    def test_more_workers_than_cores_and_batches_are_allowed(self):
        assert len(all_of(Made(grey, 3), workers=(os.cpu_count() or 1) + 2)) == 2


class TestListing:
    @pytest.mark.parametrize("workers", [0, 1])
    def test_shards_are_listed_when_their_turn_comes(self, workers):
        asked = []

        class Slow(Made):
            def entries(self, shard):
                asked.append(shard.index)
                return super().entries(shard)

        source = Slow(grey, 100)
        stream = batches(source, source.shards(1), CROP, 1, workers)
        next(stream)
        assert len(asked) <= 5
        stream.close()

    @pytest.mark.parametrize("workers", [0, 2])
    def test_a_damaged_shard_is_an_error_after_what_lies_before_it(self, make, tmp_path, workers):
        make.shards(tmp_path)
        (tmp_path / "shards-001.tar").write_bytes(b"damaged")
        source, found = open_source(tmp_path), []
        with pytest.raises(BadSource, match="must be a tar"):
            found.extend(batches(source, source.shards(1), CROP, 1, workers))
        assert found == [] or len(found) == 4
        stream = batches(source, source.shards(1), CROP, 1, workers)
        assert [next(stream).last for _ in range(4)] == [False, False, False, True]
        with pytest.raises(BadSource, match="must be a tar"):
            next(stream)
        assert no_children()


class TestWorkers:
    @pytest.mark.parametrize(("kill", "pause"), [(signal.SIGTERM, 0), (signal.SIGKILL, 1.5)])
    def test_a_worker_that_dies_is_an_error_wherever_the_consumer_is(self, kill, pause):
        def make(number):
            if number == 7:
                os.kill(os.getpid(), kill)
            return grey(number)

        source, found = Made(make, 40), []
        with pytest.raises(BadSource, match=r"has died .*Use fewer workers"):
            for batch in batches(source, source.shards(10), CROP, 2, 2):
                found.append(batch)
                time.sleep(pause if len(found) == 1 else 0)  # the signal of the death arrives in here
        assert [entry.number for batch in found for entry in batch.entries] == list(range(2 * len(found)))
        assert no_children()

    def test_workers_that_cannot_be_started_are_an_error_and_end_those_that_were(self, monkeypatch):
        start, started = multiprocessing.process.BaseProcess.start, []

        def refuse(process):
            if len(started) == 2:
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            start(process)
            started.append(process)

        monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", refuse)
        with pytest.raises(BadSource, match=r"3 of them are not \(.*unavailable\)\. Use fewer workers"):
            list(batches(Made(grey), Made(grey).shards(4), CROP, 2, 3))
        gc.collect()
        assert len(started) == 2 and not any(process.is_alive() for process in started)

    def test_workers_may_be_slow(self, monkeypatch):
        monkeypatch.setattr(loading, "_LOOKED", 1)
        source = Made(pausing(1.5), 12)
        assert len(list(batches(source, source.shards(10), CROP, 2, 2))) == 6

    def test_workers_that_are_stuck_are_an_error_after_what_they_read(self, monkeypatch):
        monkeypatch.setattr(loading, "_LOOKED", 1)
        monkeypatch.setattr(loading, "_PATIENCE", 2)
        source, found = Made(pausing(600), 12), []
        with pytest.raises(BadSource, match="for 2 seconds no image came"):
            found.extend(batches(source, source.shards(10), CROP, 2, 2))
        assert len(found) == 3
        assert no_children()

    def test_closing_ends_the_workers(self):
        source = Made(grey, 1000)
        stream = batches(source, source.shards(100), CROP, 2, 2)
        next(stream)
        assert len(multiprocessing.active_children()) == 2
        stream.close()
        assert no_children()

    @pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt])
    def test_an_error_in_the_consumer_ends_the_workers(self, error):
        def consume(source):
            for _ in batches(source, source.shards(100), CROP, 2, 2):
                raise error

        with pytest.raises(error):
            consume(Made(grey, 1000))
        assert no_children()

    def test_ctrl_c_reaches_only_the_main_process(self):
        source = Made(grey, 400)
        stream = batches(source, source.shards(100), CROP, 2, 2)
        assert sum(len(next(stream).entries) for _ in range(2)) == 4  # both workers are at work
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGINT)
        assert sum(len(batch.entries) for batch in stream) == 396

    def test_processes_that_are_not_forked_read_the_same(self, make, tmp_path):
        code = (
            "import sys, multiprocessing\n"
            "from convscope.data.loading import batches\n"
            "from convscope.data.open import open_source\n"
            "from convscope.network.preprocessing import Preprocessing\n"
            "from convscope.base.errors import BadSource\n"
            "if __name__ == '__main__':\n"
            "    multiprocessing.set_start_method('spawn')\n"
            "    source, crop = open_source(sys.argv[1]), Preprocessing((5, 7)).crop\n"
            "    print([b.seen.shape[0] for b in batches(source, source.shards(4), crop, 2, 1)])\n"
            "    try: next(batches(source, source.shards(4), lambda image: image, 2, 1))\n"
            "    except BadSource as error: print(error)\n"
        )
        (tmp_path / "main.py").write_text(code)
        path = make.zip(tmp_path / "a.zip", make.files)
        done = subprocess.run(
            [sys.executable, "-W", "error", tmp_path / "main.py", path], capture_output=True, text=True, check=False
        )
        source = open_source(path)
        expected = [len(b.entries) for b in batches(source, source.shards(4), CROP, 2, 0)]
        assert done.stdout.splitlines()[0] == str(expected), done.stderr
        assert "must be picklable" in done.stdout.splitlines()[1]
        assert done.stderr == ""

    def test_the_development_data(self, shared):
        source = open_source(shared / "data" / "imagenet-500.zip")
        crop = Preprocessing((64, 64)).crop
        here = [batch.seen for batch in batches(source, source.shards(1000)[:1], crop, 125, 0)]
        there = list(batches(source, source.shards(1000), crop, 125, 2))
        assert [batch.last for batch in there] == [False] * 3 + [True]
        np.testing.assert_array_equal(np.concatenate(here), np.concatenate([batch.seen for batch in there]))
        assert not any(batch.refused for batch in there)
