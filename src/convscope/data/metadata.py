"""What a data set tells about itself without decoding an image: its columns, class names and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.errors import BadSource

_LISTS = ("targets", "labels", "_labels")  # torchvision's names for the labels of all items


@dataclass(frozen=True)
class Columns:
    """The names of the image and the label in items that are dicts."""

    image: str = "image"
    label: str = "label"


def columns_of(items: Any) -> Columns:
    """The columns of a Hugging Face data set; the usual names for others. Raises BadSource without an image."""
    if is_subset(items):
        return columns_of(items.dataset)
    features = features_of(items)
    if not features or "image" in features:
        return Columns()
    images = [name for name, feature in features.items() if _is_image(feature)]
    if len(images) != 1:
        raise BadSource(
            f"A data set must have a column `image`, or one column of images, not {len(images)} among "
            f"{', '.join(map(str, features))}. Rename one with rename_column(…, 'image')."
        )
    return Columns(image=images[0])


def classes_in(items: Any) -> tuple[str, ...]:
    """The class names a data set gives, () if it gives none; synonyms of one class are joined."""
    if is_subset(items):
        return classes_in(items.dataset)
    names = getattr(features_of(items).get("label"), "names", None) or getattr(items, "classes", None)
    if not isinstance(names, Sequence) or isinstance(names, str):
        return ()
    return tuple(", ".join(map(str, name)) if isinstance(name, tuple | list) else str(name) for name in names)


def labels_in(items: Any) -> Sequence[Any] | None:
    """The labels a data set keeps beside its images, None if it keeps none or changes them on the way."""
    if is_subset(items):
        inner = labels_in(items.dataset)
        return None if inner is None else [inner[int(index)] for index in items.indices]
    if "label" in features_of(items):
        found: Sequence[Any] = items["label"]
        return found
    if getattr(items, "target_transform", None) is not None:
        return None
    lists = (getattr(items, name, None) for name in _LISTS)
    return next((each for each in lists if hasattr(each, "__len__") and hasattr(each, "__getitem__")), None)


def features_of(items: Any) -> Mapping[str, Any]:
    """The columns of a Hugging Face data set by name, empty for others."""
    features = getattr(items, "features", None)
    return features if isinstance(features, Mapping) else {}


def is_subset(items: Any) -> bool:
    """Whether it is a choice from another data set, as torch's Subset is."""
    return hasattr(items, "dataset") and hasattr(items, "indices")


def _is_image(feature: object) -> bool:
    return type(feature).__name__ == "Image"
