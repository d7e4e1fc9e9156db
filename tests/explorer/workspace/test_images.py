"""Images that come in: judged by their contents, before they are decoded, and kept by what they show."""

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import PIL.Image
import pytest

import convscope as cs
from convscope.explorer.jobs.saved_images import save_image, saved_image, supply


def data_of(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width=40, height=30, seed=0):
    return PIL.Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side):
    """A PNG of side × side zeros, a few kilobytes."""
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(side * (1 + (side + 7) // 8)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def send(page, data, name="picture.png", **headers):
    return page.post("/api/images", content=data, headers={"X-Name": name, **headers})


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_four_formats_come_in_and_are_what_the_library_opens(page, kind):
    data = data_of(noise(), kind)
    info = send(page, data, "m%C3%B6we.png").json()
    own = cs.open_image(data)
    assert info == {"id": own.digest, "name": "möwe.png", "width": 40, "height": 30, "reference": ""}
    shown = PIL.Image.open(io.BytesIO(page.get(f"/api/images/{info['id']}.png").content))
    assert np.array_equal(np.asarray(shown), own.pixels)
    assert info in page.get("/api/session").json()["images"]


def test_a_photo_is_turned_upright(page):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    info = send(page, data_of(noise(), "JPEG", exif=exif)).json()
    assert (info["width"], info["height"]) == (30, 40)


def test_as_a_network_sees_it(page, tiny):
    info = send(page, data_of(noise())).json()
    seen = PIL.Image.open(io.BytesIO(page.get(f"/api/images/{info['id']}.png?seen=tiny").content))
    assert np.array_equal(np.asarray(seen), tiny.see(cs.open_image(data_of(noise()))))
    assert page.get(f"/api/images/{info['id']}.png?seen=none").status_code == 400


def test_what_a_network_saw_is_seen_as_it_is_when_it_comes_in_again(page, tiny, new_workspace):
    tiny.preprocessing = replace(tiny.preprocessing, resize=1.25)
    photo = send(page, data_of(noise())).json()
    shown = page.get(f"/api/images/{photo['id']}.png?seen=tiny").content
    view = send(page, shown).json()
    own = tiny.view(data_of(noise()))
    assert (view["id"], view["width"], view["height"]) == (own.digest, 32, 32)
    again = [page.get(f"/api/images/{view['id']}.png{seen}").content for seen in ("?seen=tiny", "")]
    plain = send(page, data_of(own.pil())).json()  # the same pixels, without a word
    assert plain["id"] != view["id"]
    other = page.get(f"/api/images/{plain['id']}.png?seen=tiny").content
    for data in again:
        assert np.array_equal(cs.open_image(data).pixels, own.pixels)
    assert not np.array_equal(cs.open_image(other).pixels, own.pixels)
    workspace = new_workspace()  # the server is started again
    assert np.array_equal(tiny.see(workspace.image(view["id"])), own.pixels)
    assert np.array_equal(tiny.see(workspace.image(plain["id"])), cs.open_image(other).pixels)


def test_a_view_that_waits_for_a_job_is_still_one(workspace, tmp_path):
    view = replace(cs.open_image(noise(), view=True), reference="noise.png")
    save_image(tmp_path / "view.png", view)
    kept = saved_image(tmp_path / "view.png")
    assert (kept.digest, kept.reference, kept.view) == (view.digest, "noise.png", True)
    supply(workspace, view.digest, tmp_path / "view.png")
    assert workspace.image(view.digest).view


ANIMATED = data_of(noise(), "GIF", save_all=True, append_images=[noise(seed=1)])
REFUSED = {
    "a text": (b"Dear network,\n" * 99, "notes.txt is not a picture"),
    "a pickle": (
        b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
        "not a picture",
    ),
    "nothing": (b"", "not a picture"),
    "an animation": (ANIMATED, "must be still, and notes.txt is an animated GIF"),
    "a moving PNG": (data_of(noise(), "PNG", save_all=True, append_images=[noise(seed=1)]), "animated PNG"),
    "a pixel": (data_of(noise(1, 1)), "more than one pixel"),
    "a bomb": (bomb(9000), "at most 25 million pixels, not notes.txt, with 9000 × 9000"),
    "a larger bomb": (bomb(30_000), "at most 25 million pixels"),
    "a TIFF": (data_of(noise(), "TIFF"), "not a picture"),
    "half a JPEG": (data_of(noise(200, 200), "JPEG")[:900], "notes.txt is damaged or cut short"),
    "an SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_shown_is_refused_in_a_sentence(page, what):
    data, why = REFUSED[what]
    refused = send(page, data, "notes.txt", **{"Content-Type": "image/png"})  # what it is called does not matter
    assert refused.status_code == 400 and refused.json()["kind"] == "BadImage"
    assert why in refused.json()["error"]


def test_a_bomb_is_refused_unopened(page, monkeypatch):
    data = bomb(9000)
    monkeypatch.setattr(PIL.Image.Image, "load", lambda *_: pytest.fail("it was decoded"))
    assert send(page, data).status_code == 400


def test_names_are_for_reading_only(page):
    assert send(page, data_of(noise()), "..%2F..%2Fetc%2Fpass%0Awd").json()["name"] == "pass wd"
    assert send(page, data_of(noise()), "").json()["name"] == "picture"
    assert len(send(page, data_of(noise()), "x" * 900).json()["name"]) == 100


@pytest.mark.parametrize("id", ["..%2f..%2fetc%2fpasswd", "0" * 64, "x", "%00", "0" * 63 + "%2f"])
def test_ids_lead_nowhere_else(page, id):
    refused = page.get(f"/api/images/{id}.png")
    assert refused.status_code == 404 and refused.json()["error"]
    assert page.get(f"/api/artifacts/{id}.png").status_code == 404


def test_uploads_outlive_the_server(new_workspace):
    first = new_workspace()
    one, two = (first.pictures.upload(data_of(noise(seed=seed)), f"{seed}.png") for seed in (1, 2))
    again = new_workspace()
    assert [info for info in again.pictures.images() if info.id in (one.id, two.id)] == [
        two,
        one,
    ]  # the newest first
    assert np.array_equal(again.image(one.id).pixels, np.asarray(noise(seed=1)))


def test_frames_of_the_camera_are_at_hand_and_leave_nothing_behind(new_workspace):
    workspace = new_workspace()
    info = workspace.pictures.upload(data_of(noise(), "JPEG"), "camera")
    assert workspace.image(info.id).size == (30, 40) and info not in workspace.pictures.images()
    assert workspace.store.names(info.id) == []


def test_the_list_is_bounded(workspace, monkeypatch):
    monkeypatch.setattr("convscope.explorer.workspace.images._UPLOADS", 3)
    infos = [workspace.pictures.upload(data_of(noise(9, 9, seed)), str(seed)) for seed in range(5)]
    uploads = [info for info in workspace.pictures.images() if not info.reference]
    assert uploads == infos[:1:-1]
    assert workspace.image(infos[0].id).size == (9, 9)  # a link to it still leads there


def test_samples_are_there_by_reference(workspace):
    by_name = {info.name: info for info in workspace.pictures.images()}
    assert by_name["cat"].reference == "sample:cat" and by_name["cat"].id == cs.open_image("sample:cat").digest


def test_images_of_a_source_come_first_and_bad_ones_are_passed_over(tiny, tmp_path):
    from convscope.data.open import open_source
    from convscope.explorer.workspace.workspace import Workspace
    from convscope.store import Store

    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(40):
        (folder / f"{seed:03}.png").write_bytes(b"no picture" if seed == 1 else data_of(noise(8, 8, seed)))
    workspace = Workspace({"tiny": lambda: tiny}, Store(tmp_path / "store"), str(folder), open_source(str(folder)))
    workspace.begin()
    infos = workspace.pictures.images()
    assert [info.name for info in infos[:3]] == ["000.png", "002.png", "003.png"]
    assert len(infos) == 24 + len(cs.samples())
    assert cs.open_image(infos[0].reference).digest == infos[0].id
    workspace.store.close()
