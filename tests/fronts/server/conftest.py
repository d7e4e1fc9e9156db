"""The workspace of the explorer, and a page of it."""

from ...explorer.conftest import new_workspace as new_workspace
from ...explorer.conftest import page as page
from ...explorer.conftest import workspace as workspace
