"""The steps of a grid in sentences, and which references and packages they bring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from results.methods.evidence import UNUSED, Evidence
from results.methods.known import STEPS, TRAINED, Known
from results.scores.labels import parse_step, split_outside_brackets

PRETRAINED = ("efficientnet_lite0", "resnet50", "timm_backbone", "medicalnet")
_NUMBERS = ("", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


@dataclass(frozen=True)
class Step:
    """One step of a label such as `svc(C=1, kernel=rbf)`."""

    axis: str
    name: str
    fields: dict[str, str]

    @property
    def known(self) -> Known | None:
        """What the project knows of it; None for a plug-in from elsewhere."""
        return STEPS.get(self.axis, {}).get(self.name)

    @property
    def learns(self) -> str:
        """From what it learns inside the fold."""
        if self.name == "per_sequence":
            return "labels" if self.fields.get("pool") == "attention" else ""
        return self.known.learns if self.known else ""

    @property
    def cites(self) -> list[str]:
        """The keys of its references."""
        keys = list(self.known.cites) if self.known else []
        if self.axis == "encoders" and self.name in PRETRAINED:
            if self.name == "timm_backbone":
                model = self.fields.get("model", "resnet18")
                keys += ["he2016"] if model.startswith("resnet") else ["tan2019"] if "efficientnet" in model else []
            if self.name in ("efficientnet_lite0", "resnet50") and self.weights in ("imagenet", "pretrained"):
                keys.append("russakovsky2015")
        if self.name == "svc":
            keys += ["platt1999"] if self.fields.get("calibration", "sigmoid") == "sigmoid" else []
        elif self.fields.get("calibration") == "sigmoid":
            keys.append("platt1999")
        if self.fields.get("calibration") == "temperature":
            keys.append("guo2017")
        if self.name == "pseudo_modality" and self.fields.get("model") == "vae":
            keys = ["wu2018"]
        if self.learns == "labels" and self.name == "per_sequence":
            keys += ["ilse2018", "loshchilov2019"]
        return keys

    @property
    def software(self) -> tuple[str, ...]:
        """The packages that it uses."""
        trained = self.learns == "labels" or self.fields.get("model") == "vae"
        return ((*self.known.software, "torch") if trained else self.known.software) if self.known else ()

    @property
    def weights(self) -> str:
        """The weights of a network that can be had trained: a file, `pretrained`, `imagenet` or `random`."""
        usual = "imagenet" if self.name == "efficientnet_lite0" else "pretrained"
        return self.fields.get("weights", usual) if self.name in PRETRAINED else ""

    @property
    def projected(self) -> bool:
        """Whether its features are projected by what is learnt inside the fold."""
        project = self.fields.get("project", "0") if self.axis == "encoders" else "0"
        return project != "0" and self.fields.get("project_by") != "random"

    def words(self) -> str:
        """What it does, with the fields that the grid set and its references."""
        fields = "".join(f", {name} = {value}" for name, value in self.fields.items())
        if self.known is None:
            return f"`{self.name}`{fields} [AUTHORS: say what this plug-in does, and cite it]"
        if self.weights:
            fields += ", untrained" if self.weights == "random" else ", with trained weights, frozen"
        cites = f" [{'; '.join(f'@{key}' for key in dict.fromkeys(self.cites))}]" if self.cites else ""
        return f"{self.known.words}{self._more} (`{self.name}`{fields}){cites}"

    @property
    def _more(self) -> str:
        """What a field changes in the words."""
        if self.name == "svc" and self.fields.get("calibration", "sigmoid") == "sigmoid":
            return ", calibrated by Platt's sigmoid on inner folds"
        if self.name in TRAINED and self.fields.get("patience") != "0":
            return ", stopped early on held-out training patients"
        if self.name == "pseudo_modality":
            vae = self.fields.get("model") == "vae"
            return f" by {'a multimodal variational autoencoder' if vae else 'ridge regression'}"
        return ""


def parse(axis: str, label: str) -> list[Step]:
    """The steps of a label; none where the axis is not used."""
    if label in UNUSED:
        return []
    if axis == "drop":
        return [Step(axis, "", dict(part.split("=", 1) for part in label.split(", ")))]
    found = []
    for part in split_outside_brackets(label, " + "):
        found.append(Step(axis, *parse_step(part)))
    return found


def used(evidence: Evidence) -> list[Step]:
    """Every step of every cell, floors included, and the dataset."""
    labels = [(axis, label) for cell in evidence.run.cells for axis, label in cell.axes.items()]
    steps = [Step("data", evidence.run.dataset.partition(" (")[0], {})]
    for axis, label in dict.fromkeys(labels):
        steps += parse(axis, label)
    return [step for i, step in enumerate(steps) if step not in steps[:i]]


def software(evidence: Evidence) -> list[str]:
    """The packages that the steps use, as `provenance.json` spells them."""
    names = {"numpy", "pandas", *(name for step in used(evidence) for name in step.software)}
    return sorted(names)


def is_phantom(evidence: Evidence) -> bool:
    """Whether the name of the data says that they are a phantom."""
    return "phantom" in evidence.run.dataset.lower()


def sentences(evidence: Evidence, axes: Sequence[str] | None = None) -> Iterator[str]:
    """One sentence for each axis, all where none are named: what it was, or what was compared."""
    several = any(" + " in label for label in evidence.steps("sequences"))
    for axis in evidence.run.axis_words if axes is None else axes:
        words = evidence.run.axis_words[axis]
        labels = evidence.steps(axis)
        if axis in ("drop", "tables", "missing") and labels == ["none"]:
            continue
        if axis == "missing" and not several:
            continue
        shown = [_of_label(axis, label) for label in labels]
        if labels == ["none"] and axis == "balance":
            yield "Class imbalance was not treated."
        elif len(shown) == 1:
            yield f"The {words.noun} was {shown[0]} in every cell."
        elif shown:
            yield f"{_number(len(shown))} {words.plural} were compared: {_listed(shown)}."


def _of_label(axis: str, label: str) -> str:
    if label in UNUSED:
        return "none (the fusion uses what is there)" if axis == "missing" else "none"
    if axis == "sequences":
        return label.replace(" + ", " and ") + (" together" if " + " in label else "")
    if axis == "drop":
        return " and ".join(
            f"{100 * float(rate):g} % without {name}" for name, rate in parse(axis, label)[0].fields.items()
        )
    return ", then ".join(step.words() for step in parse(axis, label))


def _number(n: int) -> str:
    return _NUMBERS[n] if n < len(_NUMBERS) else str(n)


def _listed(words: Sequence[str]) -> str:
    return "; ".join(words[:-1]) + f"; and {words[-1]}" if len(words) > 1 else words[0]
