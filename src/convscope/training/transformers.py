"""A recorder for the Trainer of Hugging Face: `Trainer(…, callbacks=[RecorderTrainerCallback("run")])`.

Transformers itself is no dependency.
"""

from __future__ import annotations

import os
from typing import Any

from ..base.errors import MissingExtra
from .recorder import Recorder

try:
    from transformers import TrainerCallback
except ImportError as error:
    told = "RecorderTrainerCallback needs Transformers, which is not installed: pip install 'convscope[transformers]'."
    raise MissingExtra(told) from error


class RecorderTrainerCallback(TrainerCallback):  # type: ignore[misc]
    """Records the training of a model; `recorder` is there while it trains.

    Knobs are those of `cs.Recorder`; a `probe` is what the model takes as its first argument, such as `pixel_values`.
    What the Trainer logs, every `logging_steps`, is told with the step at which it does. A training that is resumed
    from a checkpoint goes on at its step. Where several processes train, the first one records.
    """

    def __init__(self, folder: str | os.PathLike[str], **knobs: Any) -> None:
        self._folder, self._knobs = folder, knobs
        self.recorder: Recorder | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin to record."""
        if not state.is_world_process_zero:
            return
        optimizer: Any = kwargs.get("optimizer")
        while hasattr(optimizer, "optimizer"):  # what accelerate puts around it hears of no hooks
            optimizer = optimizer.optimizer
        knobs = {**self._knobs, "start": state.global_step} if state.global_step else self._knobs
        self.recorder = Recorder(kwargs["model"], optimizer, folder=self._folder, **knobs)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Tell what is logged, with the step that ended last."""
        if self.recorder is not None:
            self.recorder.note(
                **{name: value for name, value in (logs or {}).items() if isinstance(value, int | float)}
            )

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the record."""
        if self.recorder is not None:
            self.recorder.close()
        self.recorder = None
