"""Builds the explorer's page where a checkout has none yet; an sdist brings it along."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Page(BuildHookInterface[Any]):
    """Runs `web/build.py` before a wheel or an sdist is packed, and before an editable install."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, as a Python package, where there is none."""
        web = self._web()
        found: list[str] = [] if web.is_built() else web.packaged()
        return found

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, unless it is there."""
        web = self._web()
        if not web.is_built():
            web.run()

    def _web(self) -> Any:
        spec = importlib.util.spec_from_file_location("web_build", Path(self.root) / "web" / "build.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
