"""One run, as the hosts of one machine measure it: what is sent, and what is kept of it."""

from dataclasses import dataclass
from pathlib import Path

from bench import scratch
from bench.cluster.errand import Answer
from bench.cluster.hosts import Host
from bench.cluster.queue import MOST_LOSSES, Queue
from bench.dataset import Dataset
from bench.progress import Progress
from bench.result import Record, Run, Trial
from bench.runner import Keeper
from bench.station import Left
from bench.store import mend, salvaged


@dataclass(frozen=True, slots=True)
class Sent:
    """A trial that a host measures; started: when it was sent, by our clock."""

    host: Host
    trial: Trial
    started: str


class Campaign:
    """A run that hosts of one machine measure. Its folder must be ours (``store.lock``)."""

    def __init__(self, folder: Path, run: Run, data: Dataset) -> None:
        mend(folder)
        self.run = run
        self.progress = Progress(run, salvaged(folder).records)
        self.spent = False
        self._unjudged = 0
        self._keeper = Keeper(folder, run, data, params=True)
        self._queue = Queue(self.progress.stage())

    @property
    def over(self) -> bool:
        """Tell whether nothing is left to be sent, nor will come back, nor has to be judged."""
        return not (self._queue or self._unjudged)

    def take(self, host: Host) -> Trial | None:
        """Return a host's next trial; none where it has to wait, or the time is spent."""
        trial = self._queue.take(host.id, gpu=host.gpu is not None)
        if trial is not None and self.progress.spent(trial):
            self._queue.done(host.id)
            self._queue.close()
            self.spent = True
            return None
        return trial

    def measured(self, sent: Sent) -> None:
        """Learn that a host is free again; what came back is to be kept."""
        self._queue.done(sent.host.id)
        self._unjudged += 1

    def keep(self, sent: Sent, answer: Answer) -> Record:
        """Judge what came back and keep it; raises UserError where it cannot be written."""
        with scratch.folder() as folder:
            for name, data in (("params.npy", answer.params), ("labels.npy", answer.labels)):
                if data is not None:
                    with scratch.writing():
                        (folder / name).write_bytes(data)
            left = Left(answer.values, answer.stderr_tail, folder)
            values = self._keeper.judged(sent.trial, left)
        record = self._keeper.keep(sent.trial, answer.environment, values)
        self._unjudged -= 1
        return self._add(record)

    def lost(self, host: Host, sent: Sent | None, reason: str) -> Record | None:
        """Give a lost host's work back; what it was measuring is recorded with the reason.

        It is measured again, but for a trial over which so many hosts were lost.
        """
        losses = self._queue.lost(host.id)
        if sent is None:
            return None
        if losses < MOST_LOSSES:
            return self.interrupted(sent, reason)
        reason = f"{losses} times a worker was lost while it ran, the last time so: {reason}"
        values = {"started": sent.started, "status": "failed", "reason": reason}
        return self._add(self._keeper.keep(sent.trial, host.environment, values))

    def interrupted(self, sent: Sent, reason: str | None) -> Record:
        """Keep that a trial was begun on a host, and is still to be made."""
        environment = sent.host.environment
        return self._add(self._keeper.interrupted(sent.trial, environment, sent.started, reason))

    def _add(self, record: Record) -> Record:
        self.progress.add(record)
        if self.over and not self.spent:
            self._queue = Queue(self.progress.stage())
        return record
