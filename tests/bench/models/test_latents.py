"""`latents` on a small run: arrays, figures, and errors that name the way out."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bench.grid.file import read_grid
from bench.models.latent_pictures import nearest_of_others
from bench.models.latents import LatentsError, write_latents
from bench.models.reopen import CellError
from bench.run.progress import Progress
from bench.run.run import Options, run
from encoders.cae_2d import Cae2d
from results.interpretability import pictures
from results.interpretability.found import read_latents
from results.interpretability.write import write_figures
from results.run_folder import read

FIELDS = {"preset": "disc_small", "channels": (4, 8), "size": 32, "steps": 6}
GRID = """
name: small
data: {{spider: {{folder: {folder}}}}}
targets: [narrowing]
sequences: [t2]
regions: [mask: {{slices: {slices}}}]
encoders:
  - raw_pixels: {{size: 4}}
  - {encoder}
heads: [logistic]
protocol: {{folds: 3}}
"""
FLAT = "cae_2d + disc_geometry: {cae_2d: {preset: disc_small, channels: [4, 8], size: 32, steps: 6}}"
DEEP = "cae_3d: {preset: disc_small, channels: [4, 8], input: both, steps: 2}"


@pytest.fixture(scope="module")
def small_run(phantom, tmp_path_factory):
    """Runs a grid in its own folders: gives the run folder, its cells by encoder, the store."""

    def run_grid(slices, encoder, settings=()):
        base = tmp_path_factory.mktemp("latents")
        (base / "grid.yaml").write_text(GRID.format(folder=phantom, slices=slices, encoder=encoder))
        grid = read_grid(base / "grid.yaml", list(settings))
        options = Options(base / "runs", base / "store", "cpu", 1)
        outcome = run(grid, base / "grid.yaml", list(settings), options, Progress(live=False, show=lambda line: None))
        cells = {cell.axes["encoders"].split("(")[0]: cell.key for cell in read(outcome.folder).cells}
        return outcome.folder, cells, base / "store"

    return run_grid


@pytest.fixture(scope="module")
def done(small_run):
    """A run whose seed was set on the command line."""
    return small_run(1, FLAT, ["protocol.seed=4"])


def test_arrays_come_from_the_network_of_the_fold(done):
    folder_of_run, cells, store = done
    folder = write_latents(folder_of_run, cells["cae_2d"][:8], store=store, measures="disc_geometry", fold=1)
    assert folder == folder_of_run / "latents" / cells["cae_2d"]
    samples = pd.read_csv(folder / "samples.csv", dtype={"patient": str})
    folds = pd.read_csv(folder_of_run / "folds.csv", dtype={"patient": str}).set_index("patient")["fold"]
    assert (samples["in_training"] == (samples["patient"].map(folds) != 1)).all()
    table = pd.read_parquet(folder_of_run / "samples.parquet").loc[samples["sample"]]
    measures = pd.read_csv(folder / "measures.csv").set_index("sample")
    assert (measures["narrowing"] == table["narrowing"]).all()
    assert (measures["modic (not 0)"] == (table["modic"] > 0)).all()
    about = json.loads((folder / "about.json").read_text())
    assert about["kinds"]["height_mean"] == "measure" and measures["height_mean"].dropna().between(2, 25).all()
    assert measures["height_mean"].notna().sum() > 50

    latents = np.load(folder / "latents.npy")
    nets = [p.parent for p in store.glob("networks/*/network.safetensors")]
    decoded = [Cae2d(**FIELDS).load(net, device="cpu") for net in nets]
    shown = about["reconstructions"]["samples"]
    with np.load(folder / "reconstructions.npz") as file:
        before, after = file["plane_0"]
    fits = [np.allclose(network.decode(latents[shown]), after, atol=1e-5) for network in decoded]
    assert len(nets) == 3 and sum(fits) == 1
    network = decoded[fits.index(True)]
    assert not samples["in_training"].to_numpy()[shown].any()
    assert_allclose(about["reconstructions"]["rmse"][0][0], np.sqrt(((before[0] - after[0]) ** 2).mean()), rtol=1e-5)

    first, values = about["traversal"]["features"][0], about["traversal"]["values"][0]
    assert_allclose(values, np.linspace(*np.percentile(latents[:, first], [5, 95]), 6), rtol=1e-5)
    middle = np.repeat(latents.mean(axis=0)[None], 6, axis=0)
    middle[:, first] = values
    with np.load(folder / "traversal.npz") as file:
        assert_allclose(file["plane_0"][0], network.decode(middle), atol=1e-5)
    with np.load(folder / "interpolation.npz") as file:
        ends = about["interpolation"]["samples"]
        assert_allclose(file["plane_0"][[1, -2]], network.decode(latents[ends]), atol=1e-5)
    assert samples["patient"][ends[0]] != samples["patient"][ends[1]]


def test_figures_table_and_captions(done):
    folder_of_run, cells, store = done
    folder = write_latents(folder_of_run, cells["cae_2d"], store=store)
    written = write_figures(folder_of_run, folder, resamples=50)
    kinds = ("correlations_pearson", "correlations_spearman", "reconstructions", "traversal", "interpolation")
    for name in (*kinds, "generated", "neighbours"):
        assert (folder / f"{name}.png").stat().st_size > 5000 and (folder / f"{name}.pdf") in written
    table = pd.read_csv(folder / "correlations.csv")
    measures = len(pd.read_csv(folder / "measures.csv").columns) - 1
    assert len(table) == 4 * measures * 2 * 2
    rare = table[table["measure"] == "spondylolisthesis"]
    assert rare["p"].isna().all() and rare["remark"].str.startswith("exploratory").all()
    captions = written[-1].read_text()
    assert "20 patients. 13 of them trained the network" in captions or "14 of them" in captions
    assert "Fewer than 40 patients: p-values are approximate." in captions
    patient = pd.read_csv(folder / "samples.csv")["sample"]
    assert not any(str(name) in captions for name in patient)


@pytest.mark.long
def test_volumes_are_shown_in_three_planes(small_run):
    folder_of_run, cells, store = small_run("null", DEEP)
    folder = write_latents(folder_of_run, cells["cae_3d"], store=store, measures="disc_geometry")
    latents = read_latents(read(folder_of_run), folder)
    assert [plane["name"] for plane in latents.about["planes"]] == ["sagittal", "axial", "coronal"]
    assert latents.about["channels"] == ["intensity", "mask"]
    assert [plane.shape for plane in latents.pictures("generated")] == [(8, 2, 32, 32)] * 3
    figure = pictures.traversal(latents, 2, meanings=["", "volume .5", "", ""])
    assert len(figure.axes) == 4 * 7 and "Middle slices, coronal." in figure.caption


def test_errors_name_the_way_out(done, tmp_path):
    folder_of_run, cells, store = done
    key = cells["cae_2d"]
    wrong = ("0" if key[0] != "0" else "1") + key[1:]
    for cell, message in {
        wrong: f"is no cell of .*: did you mean '{key}'",
        "": f"must name a cell of .*; cells with an autoencoder:\n  \\d+  {key[:8]}",
        "encoder=cae_2d": "'encoder' is no axis of the run: did you mean 'encoders'",
        "encoders=cae_2d,heads": "is no cell of .* \\(none has 'heads'\\)",
        "heads=svc": r"cells with an autoencoder are \d+ \(narrowing, cae_2d",
        "encoders=raw_pixels": "has no autoencoder \\(its encoder is raw_pixels",
        "xyz": r"cells with an autoencoder are \d+ \(narrowing, cae_2d",
        cells["raw_pixels"]: "has no autoencoder \\(its encoder is raw_pixels",
        cells["none"]: "has no autoencoder \\(its encoder is none",
    }.items():
        with pytest.raises(CellError, match=message):
            write_latents(folder_of_run, cell, store=store, measures="disc_geometry")
    with pytest.raises(LatentsError, match="--fold 3: use one of 0, 1, 2"):  # the only cell with an autoencoder
        write_latents(folder_of_run, "targets=narrowing,heads=logistic", store=store, measures="disc_geometry", fold=3)
    with pytest.raises(
        LatentsError, match=r"--measures raw_pixels: must be an encoder that .*, such as disc_geometry, radiomics"
    ):
        write_latents(folder_of_run, key, store=store, measures="raw_pixels")
    with pytest.raises(CellError, match=r"is no run folder: it has no grid\.yaml"):
        write_latents(store, key, store=store, measures="disc_geometry")
    emptied = shutil.copytree(store, tmp_path / "store")
    shutil.rmtree(emptied / "networks")
    with pytest.raises(LatentsError, match=r"no longer in .*: run the grid again"):
        write_latents(folder_of_run, key, store=emptied, measures="disc_geometry")


def test_neighbours_are_of_other_patients():
    rng = np.random.default_rng(0)
    values, patients = rng.normal(size=(60, 3)), np.repeat([f"p{i}" for i in range(12)], 5)
    rows, away = nearest_of_others(values, patients, 4)
    for i in range(60):
        others = [(np.linalg.norm(values[i] - values[j]), j) for j in range(60) if patients[j] != patients[i]]
        expected = sorted(others)[:4]
        assert rows[i].tolist() == [j for _, j in expected]
        assert_allclose(away[i], [d for d, _ in expected])
    assert nearest_of_others(values[:7], patients[:7], 4)[0].shape == (7, 2)
