"""A recorder for Lightning: `Trainer(callbacks=[RecorderCallback("run")])`. Lightning itself is no dependency."""

from __future__ import annotations

import os
from typing import Any

from ..base.errors import BadKnob, MissingExtra
from .recorder import Recorder

try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback
    except ImportError as error:
        raise MissingExtra(
            "RecorderCallback needs Lightning, which is not installed: pip install 'convscope[lightning]'."
        ) from error


class RecorderCallback(Callback):  # type: ignore[misc]
    """Records the training of a LightningModule; `recorder` is there while it trains.

    `part` is the name of that part of the module which is recorded, such as `model`; all of it where it is empty, and
    then a `probe` needs a `forward`. Other knobs are those of `cs.Recorder`. Losses and whatever the module logs are
    told with each batch. A checkpoint keeps how many steps there were, so that a training that is resumed from one goes
    on there. Where several processes train, the first one records. Raises BadKnob for a part that the module lacks.
    """

    def __init__(self, folder: str | os.PathLike[str], *, part: str = "", **knobs: Any) -> None:
        super().__init__()
        self._folder, self._part, self._knobs = folder, part, knobs
        self._start: int | None = None
        self._seen = dict[str, Any]()
        self.recorder: Recorder | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to record."""
        if not trainer.is_global_zero:
            return
        try:
            module = pl_module.get_submodule(self._part)
        except AttributeError as error:
            raise BadKnob(f"part must be the name of a part of the module, not {self._part!r}.") from error
        knobs = self._knobs if self._start is None else {**self._knobs, "start": self._start}
        self.recorder = Recorder(module, trainer.optimizers, folder=self._folder, **knobs)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Tell what was logged since the batch before."""
        if self.recorder is None:
            return
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        logged = dict(trainer.callback_metrics)
        new = {name: value for name, value in logged.items() if value is not self._seen.get(name)}
        self._seen = logged
        self.recorder.step(**({} if loss is None else {"loss": loss}), **{n: v for n, v in new.items() if n != "loss"})

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Close the record."""
        self._close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Close the record, whatever ended the training."""
        self._close()

    def state_dict(self) -> dict[str, Any]:
        """How many steps were recorded, for a checkpoint."""
        steps = self._start if self.recorder is None else self.recorder.steps
        return {} if steps is None else {"steps": steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on at the step of a checkpoint."""
        self._start = state_dict.get("steps")

    def _close(self) -> None:
        if self.recorder is not None:
            self._start = self.recorder.steps
            self.recorder.close()
        self.recorder = None
