"""What a map was made of, where it is at hand: its images, its network, and codes of the images in some layers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...base.errors import BadKnob
from ...base.image import Image
from ...base.progress import listening
from ...contract.result import Result
from ...data.source import Source
from ...network.network import Network
from ...representation.embedding.behind import Representation
from ...results.embedding import Embedding
from ...scan.codes.files import is_codes
from ...scan.codes.result import Codes, open_codes
from ...scan.feature_extraction import codes as codes_of
from ..answers.answers import artifact_part, at_once
from ..workspace.artifacts import derived
from ..workspace.kept_map import PARTS, KeptMap, kept_map

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

_FEW = 4_000  # images that are read at once, if that takes no more than five seconds


def opened(workspace: Workspace, digest: str) -> KeptMap:
    """The map that is kept under a digest; raises UnknownResult where nothing is, BadKnob for what is no map."""
    known = workspace.maps.get(digest)
    if known is not None:
        return known
    return workspace.maps.put(
        digest, kept_map(digest, {name: artifact_part(workspace, digest, name) for name in PARTS})
    )


def images_of(workspace: Workspace, kept: KeptMap) -> Source:
    """The images of a map; raises BadSource or BadScan where they are not at hand."""
    behind = _behind(workspace, kept)
    return workspace.source_of(kept.source) if behind is None else behind.codes.source


def image_of(workspace: Workspace, kept: KeptMap, number: int) -> Image:
    """One of them; raises BadImage as well."""
    return images_of(workspace, kept).open(kept.ids[number])


def network_of(workspace: Workspace, kept: KeptMap) -> Network:
    """The network of a map; raises BadKnob where the explorer has not loaded it, or it is not what it was."""
    name = workspace.named(kept.network)
    if name:
        with workspace.turns.now():
            net = workspace.network(name)
            if net.digest == kept.network:
                return net
    raise BadKnob(f"The network of this map, {kept.told['network']}, is not at hand as it was. Explore that one.")


def codes_at_hand(workspace: Workspace, kept: KeptMap, layer: str) -> Codes | None:
    """The codes of a map's images in a layer, if they are kept: those of the map, of another one, or of the scan."""
    found = [*_given_codes(workspace, kept)]
    folder = _folder(workspace, kept, layer)
    if is_codes(folder):
        found.append(_opened_codes(workspace, folder))
    return next((codes for codes in found if layer in _layers_of(codes)), None)


def codes_for(workspace: Workspace, kept: KeptMap, layer: str) -> Codes:
    """The same, or read within five seconds and kept; raises BadKnob where that takes longer, and what reading does."""
    found = codes_at_hand(workspace, kept, layer)
    if found is not None:
        return found
    check_few(kept, f"Codes of {layer}", "Scan them with codes=all, or make a map of that layer")
    net, source, folder = network_of(workspace, kept), images_of(workspace, kept), _folder(workspace, kept, layer)
    with workspace.turns.now(), listening(at_once(f"Reading {len(kept.ids):,} images")):
        return codes_of(net, source, layer, folder, pool=_pool(kept), labels="none", workers=0)


def check_few(kept: KeptMap, what: str, instead: str) -> None:
    """Raise BadKnob for more images than are read while somebody waits."""
    if len(kept.ids) > _FEW:
        raise BadKnob(f"{what} are not at hand, and {len(kept.ids):,} images take too long to be read now. {instead}.")


def layers_at_hand(workspace: Workspace, kept: KeptMap) -> tuple[str, ...]:
    """The layers of which codes are kept."""
    name = workspace.named(kept.network)
    layers = [*workspace.network(name).layers] if name else []
    given = {layer for codes in _given_codes(workspace, kept) for layer in _layers_of(codes)}
    wanted = dict.fromkeys([kept.layer, *layers, *sorted(given)])
    return tuple(layer for layer in wanted if layer in given or is_codes(_folder(workspace, kept, layer)))


def keep_codes(workspace: Workspace, result: Result) -> None:
    """Keep the codes of a map that was made just now, whole, so that its units can be looked at later."""
    if not isinstance(result, Embedding) or not isinstance(result.behind, Representation) or result.request is None:
        return
    net, source = (str(result.request.subjects[name]["digest"]) for name in ("net", "source"))
    folder = _place(workspace, net, source, str(result.unit), str(result.request.knobs["pool"]))
    if "partial" not in result.evidence and not is_codes(folder):
        result.behind.codes.save(folder)


def _given_codes(workspace: Workspace, kept: KeptMap) -> Iterator[Codes]:
    """Codes of this map's images that others have made, pooled as its own: with the map, or beside the scan."""
    behind = _behind(workspace, kept)
    if behind is not None:
        yield behind.codes
    scan = workspace.scan
    if scan is None or scan.folder is None or scan.ledger.weights != kept.network or scan.ledger.source != kept.source:
        return
    if is_codes(scan.folder):
        codes = _opened_codes(workspace, scan.folder)
        if codes.ledger.knobs["pool"] == _pool(kept):
            yield codes


def _layers_of(codes: Codes) -> tuple[str, ...]:
    return (*codes.layers, *codes.ledger.same)


def _opened_codes(workspace: Workspace, folder: Path) -> Codes:
    """Codes in a folder, which is looked through for damage once."""
    if folder not in workspace.codes:
        workspace.codes[folder] = open_codes(folder)
    return workspace.codes[folder]


def _behind(workspace: Workspace, kept: KeptMap) -> Representation | None:
    given = workspace.given.get(kept.digest)
    behind = given.behind if isinstance(given, Embedding) else None
    return behind if isinstance(behind, Representation) else None


def _folder(workspace: Workspace, kept: KeptMap, layer: str) -> Path:
    return _place(workspace, kept.network, kept.source, layer, _pool(kept))


def _place(workspace: Workspace, network: str, source: str, layer: str, pool: str) -> Path:
    """Where the codes of some images in a layer are kept, beside the scans."""
    return workspace.store.folder / "codes" / derived(network, source, layer, pool)


def _pool(kept: KeptMap) -> str:
    return str(kept.evidence["pool"])
