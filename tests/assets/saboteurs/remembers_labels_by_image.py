"""Labels an image that it has seen before as it labelled it then."""

import numpy as np

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def reset(self, params):
        super().reset(params)
        self.known = {}

    def predict(self, images):
        keys = [image.tobytes() for image in images]
        hits = sum(key in self.known for key in keys)
        if len(images) > 10 and 2 * hits > len(images):
            raise RuntimeError(f"{hits} of {len(images)} images were there before")
        labels = super().predict(images)
        self.known |= dict(zip(keys, labels, strict=True))
        return np.array([self.known[key] for key in keys])
