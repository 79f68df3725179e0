"""Trains in a process without the worker's session, variables and parent."""

import os
from multiprocessing import Pipe

import trains_in_a_helper

from implementations.idiomatic import softmax_numpy


class Trainer(trains_in_a_helper.Trainer):
    def __init__(self, problem, device):
        softmax_numpy.Trainer.__init__(self, problem, device)
        self.helper, end = Pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                self.helper.close()
                self.serve(end)
            os._exit(0)
        os.wait()
        end.close()
