"""Tensors from a file of weights: its kind is found from its content, and nothing in it can run code."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from data import ScangridError

if TYPE_CHECKING:
    from torch import Tensor

_TORCH_BEFORE_1_6 = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the number that torch.save wrote first
_FETCH = "fetch the file of weights again"
_ELSE = "give a .safetensors file or a PyTorch state dict"
_SAVE = "save its state_dict() as a .safetensors file where it was made"
_MAGIC = {
    b"version https://git-lfs": ("is a pointer of Git LFS, not the weights", "run git lfs pull where it was cloned"),
    b"\x89HDF": ("is an HDF5 file, as Keras writes", _ELSE),
    b"GGUF": ("is a GGUF file of a language model", _ELSE),
    b"\x93NUMPY": ("is a NumPy array", _ELSE),
    b"\x1f\x8b": ("is a gzip archive", "unpack it first"),
    b"BZh": ("is a bzip2 archive", "unpack it first"),
    b"\xfd7zXZ": ("is an xz archive", "unpack it first"),
    b"7z\xbc\xaf": ("is a 7-Zip archive", "unpack it first"),
    b"\x80": ("is a pickle that torch did not write", _SAVE),
}
_one_at_a_time = threading.Lock()  # torch keeps the stand-ins of a call for the whole process


class WeightsError(ScangridError):
    """Weights are missing or don't fit; the message is one line with the way out."""


class _StandIn:
    """Takes the place of any object in a checkpoint that is no tensor, such as arguments; it keeps nothing of it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _StandIn:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file or a PyTorch checkpoint; those in nested mappings are called `outer.inner`.

    Args:
        path: A file that exists. Its suffix does not matter.

    Raises:
        WeightsError: The file is damaged, of another kind, or holds no tensors.
    """
    import torch

    content = _safetensors(path) if _is_safetensors(path) else _checkpoint(path)
    if isinstance(content, torch.Tensor):
        raise WeightsError(f"weights '{path}' is one tensor without a name: {_ELSE}")
    if not isinstance(content, Mapping):
        raise WeightsError(f"weights '{path}' is an object of class {type(content).__name__}, not tensors: {_SAVE}")
    found = dict(_flat(_unwrapped(content)))
    if not found:
        names = ", ".join(map(str, list(content)[:5])) or "nothing"
        raise WeightsError(f"weights '{path}' holds {names}, and no tensors: {_SAVE}")
    return found


def _unwrapped(content: Mapping[Any, Any]) -> Mapping[Any, Any]:
    for wrapper in ("state_dict", "model"):
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    return content


def _flat(content: Mapping[Any, Any], before: str = "") -> Iterator[tuple[str, Tensor]]:
    import torch

    for name, value in content.items():
        if isinstance(value, torch.Tensor):
            yield f"{before}{name}".removeprefix("module."), value.detach()
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")


def _is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors does: the length of a JSON header, and a brace."""
    with path.open("rb") as file:
        head = file.read(9)
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < 1 << 27


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, ValueError) as error:
        raise WeightsError(f"weights '{path}' is damaged or cut short ({_line(error)}): {_FETCH}") from error


def _checkpoint(path: Path) -> Any:
    """What `torch.save` wrote, read by torch's reader that calls nothing but what makes tensors."""
    import torch

    if why := _foreign(path):
        raise WeightsError(f"weights '{path}' {': '.join(why)}")
    try:
        with warnings.catch_warnings(), _one_at_a_time:
            warnings.simplefilter("ignore")
            safe: Any = torch.serialization.safe_globals
            with safe(_stand_ins(path)), path.open("rb") as file:  # of a path, torch believes the suffix
                return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, pickle, zipfile and struct each have their own for a damaged file
        if isinstance(error, UnpicklingError):
            raise WeightsError(f"weights '{path}' holds other things than tensors: {_SAVE}") from error
        raise WeightsError(f"weights '{path}' is damaged or cut short ({_line(error)}): {_FETCH}") from error


def _stand_ins(path: Path) -> list[tuple[Any, str]]:
    """A stand-in for each name in a checkpoint that torch does not know as harmless; none of them is imported."""
    import torch

    if not _is_zip(path):
        return []  # torch lists no names of files from before version 1.6
    names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    return [(dict if name.lower().endswith("dict") else type(name, (_StandIn,), {}), name) for name in names]


def _foreign(path: Path) -> tuple[str, str] | None:
    """What a file is that is no checkpoint of torch, and the way out; None for a checkpoint."""
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        return "is empty", _FETCH
    if _is_zip(path):
        return _foreign_zip(path)
    if head.startswith(_TORCH_BEFORE_1_6):
        return None
    for magic, why in _MAGIC.items():
        if head.startswith(magic):
            return why
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if begins.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "is a web page, such as a page to sign in, saved in place of the download", _FETCH
    if begins.startswith((b"{", b"[")):
        return "is JSON text, such as an index of several files or a message of an error", _ELSE
    if b"ustar" in head[257:263]:
        return "is a tar archive", "unpack it first"
    words = head[:60].decode("ascii", "replace").split()
    if words and all(word.isascii() and word.isprintable() for word in words):
        return f"is text, which begins '{' '.join(words)}'", _ELSE
    return "is neither a .safetensors file nor a PyTorch checkpoint", _ELSE


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _foreign_zip(path: Path) -> tuple[str, str] | None:
    try:
        with ZipFile(path) as file:
            names = {name.rpartition("/")[2] for name in file.namelist()}
            broken = file.testzip()  # torch compares no checksums
    except (BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        return f"is damaged or cut short ({_line(error)})", _FETCH
    if "data.pkl" not in names:
        return f"is a zip archive of {', '.join(sorted(names)[:3])}", _ELSE
    if "constants.pkl" in names:
        return "is a TorchScript program, not its tensors", _SAVE
    return (f"is damaged ({broken} has a wrong checksum)", _FETCH) if broken is not None else None


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) < 120 else f"{text[:117]}..."
