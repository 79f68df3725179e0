"""Trains in a process that has left the worker's session, and that ends when the worker does."""

import os

import trains_in_a_helper


class Trainer(trains_in_a_helper.Trainer):
    def begin(self):
        os.setsid()
