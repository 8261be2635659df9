"""The plug-ins of a grid, made once, and what identifies each in a key."""

from __future__ import annotations

import dataclasses
from typing import Any

from bench.grid.cells import Step
from bench.grid.misfit import GridMisfitError
from bench.plan import identity
from encoders.networks.weights import WeightsError


class WeightsMisfitError(GridMisfitError):
    """A file of weights that is missing, or that belongs to another network than the step names."""


class PluginIdentities:
    """The plug-ins of single steps, with the name, fields, code and weights that stand for them in keys."""

    def __init__(self) -> None:
        self._plugins: dict[tuple[str, Step], Any] = {}
        self._identities: dict[tuple[str, Step], dict[str, Any]] = {}

    def plugin(self, kind: str, step: Step) -> Any:
        """The plug-in of a single step, made once."""
        if (kind, step) not in self._plugins:
            self._plugins[kind, step] = step.load(kind)
        return self._plugins[kind, step]

    def of(self, kind: str, step: Step, *, frozen: bool = False) -> dict[str, Any]:
        """The identity of a plug-in; with `frozen` that of its `frozen()` form.

        Raises:
            WeightsMisfitError: A file of weights is missing, or belongs to another network.
        """
        memo = (kind + (" frozen" if frozen else ""), step)
        if memo not in self._identities:
            plugin = self.plugin(kind, step)
            if frozen:
                plugin = plugin.trained() if kind == "regions" else plugin.frozen()
            fields = {f.name: getattr(plugin, f.name) for f in dataclasses.fields(plugin)}
            digest = ""
            if kind in ("encoders", "regions"):
                try:
                    digest = plugin.weights_digest()
                except (OSError, ValueError, WeightsError) as error:
                    raise WeightsMisfitError(f"{kind}/{step.name}: {error}", kind, step.name) from error
            if digest:
                fields["weights"] = digest
            within = plugin.nested() if kind == "heads" else ()
            code = [identity.code(type(one).__module__) for one in (plugin, *within)]
            self._identities[memo] = {"name": step.name, "fields": fields, "code": code}
        found: dict[str, Any] = self._identities[memo]
        return found
