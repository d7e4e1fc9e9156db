"""Write `web/src/views/luts.ts`, the colors of `convscope.view.render.colormaps`: `python web/scripts/luts.py`."""

import base64
from pathlib import Path

from convscope.view.render.colormaps import LEVELS, table

_HEAD = "/** Made by web/scripts/luts.py: 255 colors of three bytes each, of viridis and vik, in base64. */\n"
_MAPS = ("sequential", "diverging")
_SOURCE = Path(__file__).parents[1] / "src" / "views" / "luts.ts"


def main() -> None:
    """Write the file anew."""
    lines = [f'export const {name} =\n  "{base64.b64encode(table(name).tobytes()).decode()}";\n' for name in _MAPS]
    _SOURCE.write_text(f"{_HEAD}export const LEVELS = {LEVELS};\n{''.join(lines)}")


if __name__ == "__main__":
    main()
