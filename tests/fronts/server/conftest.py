"""The desk of the explorer, and a page of it."""

from ...explorer.conftest import desk as desk
from ...explorer.conftest import new_desk as new_desk
from ...explorer.conftest import page as page
