"""Takes its parent's cores and limits away, which later workers inherit."""

import os
import resource

from implementations.idiomatic import softmax_numpy

PARENT = os.getppid()
os.sched_setaffinity(PARENT, {min(os.sched_getaffinity(PARENT))})
resource.prlimit(
    PARENT, resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
)
Trainer = softmax_numpy.Trainer
