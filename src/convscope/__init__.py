"""convscope: a microscope for convolutional networks.

The public names are those of `__init__.pyi`; each is imported when it is first used, so that this import is fast.
"""

import lazy_loader

from .base.version import VERSION as __version__  # noqa: F401

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
