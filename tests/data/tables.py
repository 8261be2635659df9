"""Tables of images that tests write."""

from data.image_table import ImageTable


def write_table(folder, text, name="table.csv"):
    path = folder / name
    path.write_text("\n".join(line.strip() for line in text.strip().splitlines()) + "\n")
    return str(path)


def discs_of(table, **fields):
    chosen = {"locations": ("level",), "labels": ("bulging", "severity"), "ordinal": ("grade",)}
    return ImageTable(table=table, **(chosen | fields))


def reasons(dataset):
    return [f"{row['sample']}: {row['reason']}" for _, row in dataset.excluded().iterrows()]
