"""Pictures that autoencoders left in the run are drawn as they are."""

import numpy as np
import pytest

from results.figures.drawing.style import NothingToDrawError
from results.figures.reconstructions import reconstructions
from results.figures.training_evolution import training_evolution
from results.run_folder import read


@pytest.fixture
def writer(new_run):
    writer = new_run()
    writer.add(writer.signal, encoders="cae_3d", heads="svc")
    return writer


@pytest.fixture
def run(writer):
    return read(writer.finish())


def keep(writer, words, epochs=None, **arrays):
    for fold in range(2):
        same = {} if epochs is None else {"evolution_steps": epochs}
        writer.leave("encoder", words, fold, **{file: array + fold for file, array in arrays.items()}, **same)


def pictures(figure):
    return [np.asarray(panel.images[0].get_array()) for panel in figure.axes if panel.images]


def test_pictures_of_the_first_fold_are_above_their_reconstructions(writer, run):
    pairs = np.random.default_rng(0).random((2, 6, 8, 8))
    keep(writer, ["cae_2d", "t1", "whole", "grayscale"], reconstructions=pairs)
    figure = reconstructions(run, width="single")
    np.testing.assert_array_equal(pictures(figure), [*pairs[0, :4], *pairs[1, :4]])
    assert [panel.get_ylabel() for panel in figure.axes if panel.get_ylabel()] == ["input", "rebuilt"]


def test_volumes_are_shown_at_three_depths(writer, run):
    pairs = np.random.default_rng(0).random((2, 3, 32, 8, 8)).astype(np.float16)
    keep(writer, ["cae_3d", "t1", "mask", "grayscale"], reconstructions=pairs)
    found = pictures(reconstructions(run, width="double"))
    np.testing.assert_array_equal(found[:3], pairs[0, 0, [8, 16, 23]])
    np.testing.assert_array_equal(found[6:9], pairs[1, 0, [8, 16, 23]])


def test_training_shows_the_same_inputs_after_some_steps(writer, run):
    random = np.random.default_rng(0)
    stages, epochs = random.random((3, 5, 8, 8)), np.array([1, 5, 20])
    keep(writer, ["cae_2d", "t1", "whole"], epochs, reconstructions=random.random((2, 5, 8, 8)), evolution=stages)
    figure = training_evolution(run, width="single")
    np.testing.assert_array_equal(pictures(figure)[4:], stages[:, :4].reshape(-1, 8, 8))
    words = [panel.get_ylabel() for panel in figure.axes if panel.get_ylabel()]
    assert words == ["input", "step 1", "step 5", "step 20"]


def test_without_autoencoders_nothing_is_drawn(run):
    for draw in (reconstructions, training_evolution):
        with pytest.raises(NothingToDrawError, match="no autoencoder left"):
            draw(run)


def test_a_long_name_moves_no_pictures_apart(writer, run):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    keep(writer, ["cae_2d", "t1", "whole", "grayscale"], reconstructions=np.random.default_rng(0).random((2, 8, 8, 8)))
    long = ["cae_2d", "t1", "whole", "grayscale + histogram_equalization + bias_correction"]
    keep(writer, long, reconstructions=np.random.default_rng(1).random((2, 8, 8, 8)))
    figure = reconstructions(run)
    FigureCanvasAgg(figure).draw()
    left = [panel.get_position().x0 for panel in figure.axes[:8]]
    np.testing.assert_allclose(np.diff(left), left[1] - left[0], rtol=0.02)
