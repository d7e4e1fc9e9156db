"""What becomes of a job: it is done here, and whatever happens meanwhile is an outcome that can be told."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...base.errors import ConvscopeError, first_line
from ...base.progress import Cancelled
from ...scan.tables.parquet import is_whole
from ..maps.at_hand import keep_codes
from ..workspace.artifacts import derived, keep
from ..workspace.messages import Ask, AskScan
from .listener import JobListener
from .queue import Row
from .saved_images import supply
from .work import Places, carried_out, scanned

if TYPE_CHECKING:
    from ..workspace.workspace import Workspace

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Does jobs. `use` makes a scan that is done the one at hand; `ending` says whether the server is about to end."""

    workspace: Workspace
    places: Places
    use: Callable[[Row], None]
    ending: Callable[[], bool]

    def of(self, row: Row, watch: JobListener) -> dict[str, Any]:
        """Do a job; what there is to say of it then. Nothing it raises escapes, nor a module's SystemExit."""
        try:
            return self._scan(row, watch) if row.kind == "scan" else self._technique(row, watch)
        except Cancelled:
            return {"state": "cancelled", "error": watch.reason}
        except ConvscopeError as error:
            return {"state": "failed", "error": str(error)}
        except BaseException as error:
            _log.exception("job %s failed", row.id)
            return {"state": "failed", "error": f"Something unexpected went wrong: {first_line(error)}. Try it again."}

    def kept(self, row: Row) -> bool:
        """Whether the result is there, whoever made it."""
        if row.kind == "technique":
            return "frame" in self.workspace.store.names(row.id)
        return is_whole(self.places.scan(row.id))

    def _scan(self, row: Row, watch: JobListener) -> dict[str, Any]:
        if not self.kept(row):
            ask, state = AskScan.model_validate_json(row.ask), self.places.state(row.id)
            scanned(self.workspace, ask, self.places.scan(row.id), state, watch)
            shutil.rmtree(state, ignore_errors=True)
        self.use(row)
        return {"state": "done"}

    def _technique(self, row: Row, watch: JobListener) -> dict[str, Any]:
        if not self.kept(row):
            ask = Ask.model_validate_json(row.ask)
            for image in row.images:
                supply(self.workspace, image, self.places.image(image))
            result = carried_out(self.workspace, ask, row.id, self.places.state(row.id), watch)
            if watch.stopped and "partial" in result.evidence:
                if self.ending():
                    raise Cancelled
                kept = keep(self.workspace.store, result, ask.view, derived(row.id, "partial"))
                return {"state": "cancelled", "artifact": kept, "partial": True, "error": watch.reason}
            keep_codes(self.workspace, result)
            keep(self.workspace.store, result, ask.view)
            shutil.rmtree(self.places.state(row.id), ignore_errors=True)
        return {"state": "done", "step": watch.total, "total": watch.total}
