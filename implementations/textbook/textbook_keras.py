"""The textbook's Keras program: a dense softmax layer, trained for five epochs by RMSprop.

Follows https://keras.io/guides/sequential_model/; here the softmax is a layer of the network and
the loss takes probabilities, as the textbook has it.
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
    # RMSprop is what compile() takes where the textbook names no optimizer.
    model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images[textbook.training], labels[textbook.training], epochs=5, verbose=0)
    loss, accuracy = model.evaluate(
        images[textbook.validation], labels[textbook.validation], verbose=0
    )
    return {"validation_accuracy": float(accuracy), "validation_loss": float(loss)}
