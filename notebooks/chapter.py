# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The chapter, step by step
#
# A softmax classifier with 784 inputs and 10 classes on Fashion-MNIST. Each number that the chapter
# prints stands beside ours. `notebooks/chapter.py` is the source of this notebook.
#
# The first cell does nothing except on Colab, where it unpacks the archive `softmax-bench.zip` that
# you uploaded to *Files*, and installs what Colab lacks. `docs/chapter.md` has the steps.

# %%
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

if "google.colab" in sys.modules and Path.cwd().name != "notebooks":
    if not Path("softmax-bench").exists():
        shutil.unpack_archive("softmax-bench.zip", "softmax-bench")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "./softmax-bench[report,gpu]"]
    subprocess.run(install, check=True)
    os.chdir("softmax-bench/notebooks")
    sys.path[:0] = [str(Path.cwd()), str(Path.cwd().parent)]  # the notebook's files, the suite

# %%
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # TensorFlow would take all of a GPU's memory
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import altair as alt
import keras
import keras_seeds
import numpy as np
import pandas as pd
from IPython.display import SVG
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import cross_validate, train_test_split

import bench
from bench.data import dataset
from bench.report.charts.images import chart_images, chart_weights
from bench.worker.data import read, read_textbook

alt.renderers.enable("png")
warnings.simplefilter("ignore")

# %% [markdown]
# ## Load the images
#
# The suite finds Fashion-MNIST, verifies it by SHA-256, and keeps it in the range from 0 to 1. Here
# are the bytes, as `keras.datasets.fashion_mnist.load_data()` returns them in the chapter.

# %%
data = dataset.find()
textbook = read_textbook(data.folder)
train_input = np.rint(textbook.images * 255).astype(np.uint8).reshape(-1, 28, 28)
train_target = textbook.labels
test_images, test_target = read(data.folder, "test")
test_input = np.rint(test_images * 255).astype(np.uint8).reshape(-1, 28, 28)
print(train_input.shape, train_target.shape)  # the chapter: (60000, 28, 28) (60000,)
print(test_input.shape, test_target.shape)  # the chapter: (10000, 28, 28) (10000,)

# %% [markdown]
# ## Ten pictures
#
# The chapter prints the labels `[9 0 0 3 0 2 7 2 5 5]`, and that each class has 6,000 images.

# %%
names = [data.class_names[label] for label in train_target[:10]]
chart_images(textbook.images[:10], names, "The first ten training images")

# %%
print(train_target[:10])
print(np.unique(train_target, return_counts=True))

# %% [markdown]
# ## Logistic regression with SGDClassifier
#
# Divide by 255, and make a row of 784 numbers of each image. `SGDClassifier` trains ten logistic
# regressions, each of which tells one class from the others. The chapter's mean accuracy over five
# folds is **0.8196**.

# %%
train_scaled = (train_input / 255.0).reshape(-1, 28 * 28)

# %% tags=["slow"]
classifier = SGDClassifier(loss="log_loss", max_iter=5, random_state=42)
scores = cross_validate(classifier, train_scaled, train_target, n_jobs=-1)
print(f"ours {np.mean(scores['test_score']):.4f}, the chapter 0.8196")

# %% [markdown]
# ## Split
#
# Every fifth image is for validation. The chapter prints `(48000, 784)`, `(12000, 784)` and the
# labels `[7 3 5 8 6 9 3 3 9 9]`.

# %%
train_scaled, val_scaled, train_target, val_target = train_test_split(
    train_scaled, train_target, test_size=0.2, random_state=42
)
print(train_scaled.shape, val_scaled.shape)
print(train_target[:10])

# %% [markdown]
# ## A dense layer
#
# Each of the ten outputs adds up all 784 pixels, each times a weight of its own, and a bias.
# Softmax makes ten shares of the sums, which add up to 1. The layer has 784 · 10 + 10 = 7,850
# numbers to learn.

# %%
SVG(filename="../docs/layer.svg")

# %%
model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
print(f"{model.count_params():,} parameters")

# %% [markdown]
# ## Train for five epochs
#
# `fit` prints a loss and an accuracy for each epoch: means over the epoch's batches, each computed
# before the model learned from that batch. The chapter sets no seed, so your numbers differ from
# ours in the third digit. **Do not worry about the first line**: yours begins at a loss of about
# 0.61, the chapter's at 0.4782. The section after the next explains it.

# %%
history = model.fit(train_scaled, train_target, epochs=5, verbose=0).history
ours = pd.DataFrame(history, index=keras_seeds.PRINTED.index)[["loss", "accuracy"]].round(4)
ours.join(keras_seeds.PRINTED, lsuffix=" (ours)", rsuffix=" (chapter)")

# %% [markdown]
# ## Evaluate
#
# The chapter prints a loss of **0.4530** and an accuracy of **0.8463** on the validation images.
# Both depend on the seed.

# %%
loss, accuracy = model.evaluate(val_scaled, val_target, verbose=0)
print(f"ours {loss:.4f} and {accuracy:.4f}, the chapter 0.4530 and 0.8463")

# %% [markdown]
# ## What the chapter's log hides
#
# A model with fresh weights has a first loss of about 0.61, not 0.4782. `keras_seeds.py` trained
# the model from ten seeds with the Keras of *then* (the RMSprop that was the default before
# TensorFlow 2.11, run there by `tf_keras`), and from eight with that of *now*.
#
# If the printed epochs are the first five of a fresh model, the printed numbers must look like one
# more draw from the ten. `t` says how many standard deviations they are away from the mean, and `p`
# how often chance alone puts them that far.

# %%
seeds = pd.read_csv(keras_seeds.SEEDS)
then, now = (seeds[seeds["program"] == name] for name in ("then", "now"))
keras_seeds.draw(then)

# %%
keras_seeds.compare(then, before=0).round(4)

# %% [markdown]
# They cannot be the first five. If the model had been trained for one epoch before, the printed
# epochs 1 to 5 are its epochs 2 to 6:

# %%
keras_seeds.compare(then, before=1).round(4)

# %% [markdown]
# All ten numbers are where they should be. Two epochs before are too many again:

# %%
keras_seeds.compare(then, before=2).round(4)

# %% [markdown]
# So the cell with `fit` was almost certainly run on a model that had been trained for one epoch:
# `fit` does not start again, it goes on from the weights that the model has. In a notebook, a cell
# that is run twice does that.
#
# The Keras of now shows a second difference. Its loss is lower:

# %%
keras_seeds.compare(now, before=1).round(4)

# %% [markdown]
# RMSprop divides a gradient by the root of its mean square, and a small epsilon = 1e-7 prevents a
# division by zero. The old optimizer added epsilon to the root, the new one adds it before the root
# is taken, where it acts like 0.0003. Weights of pixels that are nearly always black have tiny
# gradients; the old optimizer gave them full steps, which are noise. `softmax-bench check` names
# this difference between two programs when it sees it.

# %% [markdown]
# ## What the ten pictures of weights mean
#
# Each class has 784 weights, one for each pixel: a picture. Ink on an orange pixel is a reason for
# the class, ink on a blue pixel a reason against it. The score of a class is the sum over its
# picture. The bright parts say where two classes *differ*, so a picture need not look like its
# class: what all classes share gives no reason for any.

# %%
weight = model.layers[0].get_weights()[0]
chart_weights(weight.astype(np.float64), data.class_names, "The weights of each class")

# %% [markdown]
# ## Why one-vs-rest scores lower
#
# One guess is that ten yes-or-no questions are worse than one choice among ten. Try it: the same
# `SGDClassifier`, still one-vs-rest, from three seeds. With `average=True` it predicts with the
# mean of all weights that it had on its way, instead of its last ones.

# %% tags=["slow"]
options = {"loss": "log_loss", "max_iter": 5, "n_jobs": -1}
for average in (False, True):
    accuracies = [
        SGDClassifier(average=average, random_state=seed, **options)
        .fit(train_scaled, train_target)
        .score(val_scaled, val_target)
        for seed in (42, 0, 1)
    ]
    print(f"average={average}:", *(f"{accuracy:.4f}" for accuracy in accuracies))

# %% [markdown]
# The last weights are noisy: the accuracy depends on the seed, which decides the order of the
# images. `SGDClassifier` learns from one image at a time, with long steps, and ends wherever the
# last images pushed it. The mean of its weights is better and hardly depends on the seed, and it is
# still one-vs-rest. Keras averages the gradients of 32 images and moves each weight by about 0.001,
# which is less noisy.
#
# The suite trains both objectives with the same learning rate, orders and initial weights:

# %%
trials = bench.load("../results/reference/amd-epyc-zen5-2-cores")
trials = trials.query("status == 'ok' and not pilot and samples == 48000 and batch_size == 32")
trials = trials.assign(accuracy=trials["validation_accuracy"].str[4])
sgd = trials[trials["workload"] == "sgd"]
sgd.pivot_table(index="round", columns="objective", values="accuracy").round(4)

# %% [markdown]
# Each round has its own orders. Softmax scores higher in each round, but on average by less than
# `average=True` adds above. Three seeds are too few to say whether that holds in the chapter's
# setting.
#
# ## Measured in every framework
#
# The suite trains the chapter's layer in many programs, after showing that all compute the same.
# `bench.load` returns a DataFrame with a row for each trial. Here are the epoch's seconds of a
# published run, and the validation accuracy after five epochs: medians over its processes. Pilots,
# which only choose the number of threads, are left out.

# %%
chapter = trials[trials["workload"] == "textbook"].groupby("implementation")
chapter[["median_epoch_seconds", "accuracy"]].median().sort_values("median_epoch_seconds").round(4)

# %% [markdown]
# ## On Colab's GPU
#
# Measure what Colab has installed, on the CPU and on the GPU; no environment is built. Choose
# *Runtime*, *Change runtime type* and a GPU before the first cell. Measuring takes six minutes at
# most, and importing and compiling come before. Then `softmax-bench/results` in *Files* has the
# report. The cell does nothing except on Colab.

# %%
if "google.colab" in sys.modules:
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)  # only this notebook shall not see the GPU
    run = [sys.executable, "-m", "bench", "run", "--device", "cpu,gpu", "--quick"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(run, cwd="..", text=True, **pipes) as measuring:
        for line in measuring.stdout:
            print(line, end="")
