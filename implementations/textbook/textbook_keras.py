"""The textbook's Keras program: a dense softmax layer, trained for five epochs by RMSprop.

Follows https://keras.io/guides/sequential_model/. As in the textbook, the softmax is part of the
network and the loss takes probabilities.
"""

import keras

from bench.contract import Textbook


def run(textbook: Textbook) -> dict[str, float]:
    """Return the validation accuracy and loss after the last epoch."""
    keras.utils.set_random_seed(42)  # the textbook gives no seed
    images, labels = textbook.images, textbook.labels
    model = keras.Sequential(
        [keras.Input((images.shape[1],)), keras.layers.Dense(10, activation="softmax")]
    )
    # The textbook names no optimizer: RMSprop is the default of compile().
    model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images[textbook.training], labels[textbook.training], epochs=5, verbose=0)
    loss, accuracy = model.evaluate(
        images[textbook.validation], labels[textbook.validation], verbose=0
    )
    return {"validation_accuracy": float(accuracy), "validation_loss": float(loss)}
