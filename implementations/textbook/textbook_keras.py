"""The textbook's Keras program: a dense softmax layer, trained for five epochs by RMSprop.

Follows https://keras.io/guides/sequential_model/. As in the textbook, the softmax is part of the
network and the loss takes probabilities.
"""

import keras

from bench.contract import Textbook


def run(textbook: Textbook) -> dict[str, float]:
    """Return the validation accuracy and loss after the last epoch, and the history of training.

    The history has ``training_loss_1`` to ``training_loss_5`` and the accuracies, as ``fit`` prints
    them: means over an epoch's batches, each before its update.
    """
    keras.utils.set_random_seed(42)  # the textbook gives no seed
    images, labels = textbook.images, textbook.labels
    model = keras.Sequential(
        [keras.Input((images.shape[1],)), keras.layers.Dense(10, activation="softmax")]
    )
    # The textbook names no optimizer: RMSprop is the default of compile().
    model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        images[textbook.training], labels[textbook.training], epochs=5, verbose=0
    ).history
    loss, accuracy = model.evaluate(
        images[textbook.validation], labels[textbook.validation], verbose=0
    )
    return {
        "validation_accuracy": float(accuracy),
        "validation_loss": float(loss),
        **{
            f"training_{name}_{epoch}": float(value)
            for name in ("loss", "accuracy")
            for epoch, value in enumerate(history[name], 1)
        },
    }
