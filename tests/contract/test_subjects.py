"""Kinds of subjects: each is read, found again where it is now, and named by a page without reaching out."""

import shutil

import numpy as np
import pytest

import convscope as cs
from convscope.catalog.catalog import CATALOG
from convscope.contract.subjects import KINDS, ImageSubject, PicturesSubject, Where
from convscope.optimize.objective_subject import ObjectiveSubject
from convscope.scan.subject import ScanSubject, SourceSubject

PHOTO = cs.samples()["cat"].path


class Hand:
    """A page's images and scan."""

    def image(self, id):
        return cs.open_image(f"sample:{id}")

    source = ""

    def network(self, name):
        return f"the network {name}"

    def scan_of(self, net):
        return "the scan"

    def source_of(self, digest):
        return f"the images of {digest}"


@pytest.fixture
def photo(tmp_path):
    return shutil.copy(PHOTO, tmp_path / "mine.jpg")


@pytest.mark.parametrize("technique", CATALOG, ids=lambda technique: technique.name)
def test_every_subject_has_a_kind_in_the_order_of_the_signature(technique):
    kinds = technique.function.kinds
    assert list(kinds) == technique.subjects
    assert all(isinstance(kinds[name], type(KINDS[name])) for name in ("net", "image") if name in kinds)
    assert [kind.several for kind in kinds.values()][:-1] == [False] * (len(kinds) - 1), "only the last may be several"


@pytest.mark.parametrize("kind", [ImageSubject(), PicturesSubject("content", replaced=True)])
def test_a_picture_is_found_where_it_was_beside_the_request_and_where_it_is_said_to_be(kind, photo, tmp_path):
    described = kind.read(None, photo).describe()
    assert kind.reopen(described, Where()).digest == described["digest"]
    (tmp_path / "moved").mkdir()
    there = shutil.move(photo, tmp_path / "moved" / "mine.jpg")
    assert kind.reopen(described, Where(beside=tmp_path / "moved")).digest == described["digest"]
    assert kind.reopen(described, Where(image=str(there))).digest == described["digest"]
    with pytest.raises(cs.ConvscopeError, match="say where the image is now: --image PATH"):
        kind.reopen(described, Where())


def test_what_is_not_the_image_of_a_request_is_not_replaced(photo):
    kind = PicturesSubject("style", several=True)
    described = kind.read(None, [photo, str(PHOTO)]).describe()
    assert kind.reopen(described, Where(image="nowhere.jpg")).digest == described["digest"]


def test_what_was_only_in_memory_says_so():
    described = cs.open_image(np.zeros((8, 8, 3), np.uint8)).describe()
    with pytest.raises(cs.ConvscopeError, match="an image from memory"):
        ImageSubject().reopen(described, Where())
    with pytest.raises(cs.ConvscopeError, match="a scan in memory"):
        ScanSubject().reopen({"reference": "", "digest": "0"}, Where())


def test_a_page_names_images_by_their_ids_and_has_the_scan_at_hand(tiny):
    assert ImageSubject().offered(tiny, "cat", Hand()).reference == "sample:cat"
    styles = PicturesSubject("style", several=True).offered(tiny, "cat; coffee", Hand())
    assert [image.reference for image in styles] == ["sample:cat", "sample:coffee"]
    assert ScanSubject().offered(tiny, "", Hand()) == "the scan" and not ScanSubject().named


def test_a_page_maps_the_images_it_was_started_with_or_the_bundled_photos(tiny, photo, monkeypatch):
    assert SourceSubject().offered(tiny, "", Hand()) == "samples" and not SourceSubject().named
    monkeypatch.setattr(Hand, "source", str(photo))
    assert SourceSubject().offered(tiny, "", Hand()) == str(photo)
    assert SourceSubject().offered(tiny, "/etc", Hand()) == "the images of /etc"  # never a path that is opened


@pytest.mark.parametrize(
    "text", ["caricature(0, {})", "0:1 + 2*caricature(0, {})", "caricature (0,{}) ; 0:2", "caricature(0, {}, 2)"]
)
def test_an_objective_of_a_page_opens_bundled_photos_and_nothing_else(tiny, text):
    kind = ObjectiveSubject(lambda _net, given: given)
    assert kind.offered(tiny, text.format("sample:cat"), Hand()) == text.format("sample:cat")
    for other in ("secret.jpg", "/etc/hostname", "sample:none", ""):
        with pytest.raises(cs.ConvscopeError, match="An image in an objective must be one of sample:"):
            kind.offered(tiny, text.format(other), Hand())
