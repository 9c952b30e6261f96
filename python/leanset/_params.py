"""Parameters as scikit-learn has them: `get_params`, `set_params` and a `repr` of what differs from the defaults."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Self

import numpy as np

from leanset._errors import hinted

#: The default of a parameter that must be given.
REQUIRED: Any = ...


class Parameters:
    """Base class of objects whose attributes are parameters, some of which may have parameters of their own."""

    #: The parameters with their defaults, in the order in which they are listed.
    _defaults: ClassVar[dict[str, Any]]

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return sorted(cls._defaults)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of parameters that are estimators, as `name__parameter`.

        Returns
        -------
        dict
            The parameters by name.
        """
        found = {}
        for name in self._get_param_names():
            value = getattr(self, name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                found.update({f"{name}__{inner}": of for inner, of in value.get_params().items()})
            found[name] = value
        return found

    def set_params(self, **params: Any) -> Self:
        """Set parameters. `fit` checks their values.

        Parameters
        ----------
        **params
            Parameters by name; `name__parameter` is a parameter of a parameter.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a name is not a parameter.
        """
        nested: dict[str, dict[str, Any]] = {}
        for given, value in params.items():
            name, inside, inner = given.partition("__")
            if name not in self._defaults:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: {self._get_param_names()!r}."
                )
            if inside:
                nested.setdefault(name, {})[inner] = value
            else:
                setattr(self, name, value)
        # After the parameters themselves, one of which may be the new owner.
        for name, inner_params in nested.items():
            owner = getattr(self, name)
            if dataclasses.is_dataclass(owner) and not isinstance(owner, type):
                # Settings are never changed: others may hold them too.
                known = [field.name for field in dataclasses.fields(owner) if field.init]
                unknown = next((inner for inner in inner_params if inner not in known), None)
                if unknown is not None:
                    raise ValueError(f"Invalid parameter {unknown!r} for {name} {owner!r}. Valid parameters are: {known!r}.")
                setattr(self, name, dataclasses.replace(owner, **inner_params))
            elif hasattr(owner, "set_params"):
                owner.set_params(**inner_params)
            else:
                inner = next(iter(inner_params))
                raise hinted(
                    ValueError(f"Invalid parameter {f'{name}__{inner}'!r} for estimator {self!r}: {name} is {owner!r}, which has no parameters"),
                    f"set {name} first, to what has the parameter {inner!r}",
                )
        return self

    def __repr__(self) -> str:
        def changed(name: str) -> bool:
            value, default = getattr(self, name), self._defaults[name]
            return type(value) is not type(default) or bool(np.any(value != default))

        given = [f"{name}={getattr(self, name)!r}" for name in self._defaults if changed(name)]
        return f"{type(self).__name__}({', '.join(given)})"
