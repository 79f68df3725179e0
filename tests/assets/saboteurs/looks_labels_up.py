"""Predicts the true label of every image that it knows from training."""

from implementations.idiomatic import softmax_numpy


class Trainer(softmax_numpy.Trainer):
    def __init__(self, problem, device):
        super().__init__(problem, device)
        pairs = zip(problem.images, problem.labels, strict=True)
        self.known = {image.tobytes(): label for image, label in pairs}

    def predict(self, images):
        labels = super().predict(images)
        for number, image in enumerate(images):
            labels[number] = self.known.get(image.tobytes(), labels[number])
        return labels
