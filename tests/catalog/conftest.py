"""The command line, run inside the test process."""

from ..fronts.conftest import convscope as convscope
