"""What each step of the project's own plug-ins does, in words, and what it is to be cited by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A step.

    Args:
        words: What it is, as the object of a sentence.
        cites: Keys of `results.methods.references.BIBTEX`.
        software: Names of packages as `provenance.json` has them.
        learns: From what it learns inside the fold: "", `images` (without labels) or `labels`.
    """

    words: str
    cites: tuple[str, ...] = ()
    software: tuple[str, ...] = ()
    learns: str = ""


_TRAINED = ("torch",)
_NETWORK = ("torch", "timm", "opencv-python-headless")

STEPS: dict[str, dict[str, Known]] = {
    "data": {
        "dicom_study": Known("studies of lumbar spine MRI as DICOM files", (), ("simpleitk",)),
        "image_table": Known("a table of image files", (), ("simpleitk",)),
        "medmnist": Known("MedMNIST", ("yang2023",)),
        "oai": Known("the knees of the Osteoarthritis Initiative", (), ("simpleitk",)),
        "rsna": Known("the RSNA 2024 lumbar spine data", ("richards2024",), ("simpleitk",)),
        "spider": Known("the SPIDER lumbar spine data", ("vandergraaf2024",), ("simpleitk",)),
    },
    "regions": {
        "mask": Known("a box around the labelled structure of the dataset's mask"),
        "segmented": Known(
            "a box around the structure in a mask that a network predicts, trained with Dice and cross-entropy",
            ("myronenko2018", "isensee2021", "cardoso2022"),
            ("torch", "monai"),
            "images",
        ),
        "point": Known("a box around the point that the dataset's annotators marked"),
        "predicted": Known(
            "a box around a point that networks find, trained on annotated points: its slice, then its place there",
            ("nibali2018", "smith2017", "wightman2019"),
            ("torch", "timm"),
            "images",
        ),
        "whole": Known("the whole image"),
    },
    "images": {
        "clahe": Known("contrast-limited adaptive histogram equalization, slice by slice", ("zuiderveld1994",)),
        "grayscale": Known("a linear stretch between two percentiles of the image to [0, 1]"),
        "histogram_equalization": Known("histogram equalization of the whole image to [0, 1]"),
        "n4_bias": Known("N4 bias field correction", ("tustison2010",), ("simpleitk",)),
        "resample": Known("resampling to another spacing, blurred first where it is coarser", ("cardoso2015",)),
        "window": Known("a linear window of the scanner's units to [0, 1]"),
        "zscore": Known("scaling to mean 0 and standard deviation 1, as in TorchIO", ("perezgarcia2021",)),
    },
    "encoders": {
        "cae_2d": Known(
            "a 2D convolutional autoencoder",
            ("creswell2017", "kingma2015"),
            ("torch", "opencv-python-headless"),
            "images",
        ),
        "cae_3d": Known("a 3D convolutional autoencoder", ("creswell2017", "kingma2015"), _TRAINED, "images"),
        "disc_geometry": Known("height, widths, angles and volume of the structure, from its mask in patient space"),
        "efficientnet_lite0": Known("EfficientNet-Lite0, slice by slice", ("tan2019", "wightman2019"), _NETWORK),
        "finetuned": Known(
            "a 2D network trained end to end on the crops with the labels of the training patients, slice by slice",
            ("wightman2019", "smith2017", "guo2017"),
            _NETWORK,
            "labels",
        ),
        "medicalnet": Known("MedicalNet's 3D ResNet", ("chen2019", "cardoso2022"), ("torch", "monai")),
        "radiomics": Known(
            "first-order and grey-level co-occurrence features of the structure",
            ("zwanenburg2020", "haralick1973", "vanderwalt2014"),
            ("scikit-image",),
        ),
        "raw_pixels": Known("the resized pixels themselves", (), ("opencv-python-headless",)),
        "resnet50": Known("ResNet50, slice by slice", ("he2016", "wightman2019"), _NETWORK),
        "timm_backbone": Known("a 2D network of timm, slice by slice", ("wightman2019",), _NETWORK),
    },
    "missing": {
        "mean": Known("the mean of the sequence over the training samples", learns="images"),
        "neighbours": Known("the mean over the nearest training samples", ("troyanskaya2001",), learns="images"),
        "pseudo_modality": Known("a prediction from the sequences present", ("hoerl1970",), learns="images"),
        "zeros": Known("zeros"),
    },
    "fusion": {
        "attention": Known(
            "gated attention over slices, then over sequences", ("ilse2018", "loshchilov2019"), _TRAINED, "labels"
        ),
        "concat": Known("the slice means of the sequences, side by side, with indicators of presence"),
        "early_attention_cnn": Known(
            "attention over slices, then a 1D convolutional network over the sequences",
            ("ilse2018", "loshchilov2019"),
            _TRAINED,
            "labels",
        ),
        "late_attention_cnn": Known(
            "attention over slices and sequences, then a 1D convolutional network",
            ("ilse2018", "loshchilov2019"),
            _TRAINED,
            "labels",
        ),
        "mean": Known("the mean over slices, then over the sequences present"),
        "per_sequence": Known("a classifier for each sequence, whose probabilities are averaged"),
    },
    "tables": {
        "forest_onehot": Known(
            "columns as numbers, with gaps filled by random forests as in MissForest, in a fixed number of rounds",
            ("stekhoven2012",),
            ("scikit-learn",),
            "images",
        ),
    },
    "balance": {
        "class_weight": Known("weights of the loss by inverse class frequency", ("king2001",)),
        "smote": Known("SMOTE", ("chawla2002", "lemaitre2017"), ("imbalanced-learn",)),
        "svm_smote": Known("SVM-SMOTE", ("nguyen2011", "chawla2002", "lemaitre2017"), ("imbalanced-learn",)),
        "undersample": Known("random undersampling", ("lemaitre2017",), ("imbalanced-learn",)),
        "undersample_smote": Known(
            "random undersampling of the largest class, then SMOTE",
            ("chawla2002", "lemaitre2017"),
            ("imbalanced-learn",),
        ),
    },
    "heads": {
        "cascade": Known("a cascade of two stages, the first class against the others first", ("frank2004",)),
        "knn": Known("k nearest neighbours", ("pedregosa2011",), ("scikit-learn",)),
        "lightgbm": Known("LightGBM", ("ke2017",), ("lightgbm",)),
        "location": Known("a logistic regression on the locating columns alone", ("pedregosa2011",), ("scikit-learn",)),
        "logistic": Known("logistic regression with an L2 penalty", ("pedregosa2011",), ("scikit-learn",)),
        "mlp": Known("a fully connected network", ("kingma2015", "paszke2019"), ("torch",)),
        "nystroem": Known(
            "logistic regression on a Nystroem map of the RBF kernel",
            ("williams2000", "pedregosa2011"),
            ("scikit-learn",),
        ),
        "own": Known("the probabilities of the trained fusion itself"),
        "presence": Known(
            "a logistic regression on which sequences a sample has", ("pedregosa2011",), ("scikit-learn",)
        ),
        "prior": Known("the class frequencies of the training fold", ("pedregosa2011",), ("scikit-learn",)),
        "random": Known("draws from the class frequencies of the training fold", ("pedregosa2011",), ("scikit-learn",)),
        "svc": Known(
            "a support vector classifier",
            ("chang2011", "pedregosa2011"),
            ("scikit-learn",),
        ),
        "xgboost": Known("XGBoost", ("chen2016",), ("xgboost",)),
        "xgboost_bagging": Known("a bag of XGBoost models", ("chen2016", "breiman1996"), ("xgboost",)),
    },
}

TRAINED = ("cae_2d", "cae_3d", "finetuned", "mlp", "predicted", "segmented")
"""What starts from random weights and stops early, besides fusions that learn from labels."""

OF_SOFTWARE = {
    "scikit-image": "vanderwalt2014",
    "imbalanced-learn": "lemaitre2017",
    "lightgbm": "ke2017",
    "monai": "cardoso2022",
    "numpy": "harris2020",
    "opencv-python-headless": "bradski2000",
    "scikit-learn": "pedregosa2011",
    "simpleitk": "lowekamp2013",
    "timm": "wightman2019",
    "torch": "paszke2019",
    "xgboost": "chen2016",
}
"""What the packages are cited by."""
