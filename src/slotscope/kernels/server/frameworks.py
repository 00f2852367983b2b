"""The frameworks that a server may import, and what of each matters before a kernel starts.

A server starts without the rest of slotscope, so this table stands here, for it and for all that
ask what a notebook may run on. Another framework, or backend of Keras 3, is one more line of it,
after those that it needs: they are imported in this order.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Framework:
    """A package that trains models.

    Attributes:
        name: the name of the package, and of its distribution.
        backend: whether Keras 3 runs on it.
        kept: whether a kernel has it as it was imported; else it is put away until a notebook
            imports it, with the backend that it has chosen by then.
        variables: beginnings of the names of environment variables that it reads at its import.
        parts: other distributions that are a part of it.
        brings: what its import imports too, of those that are put away.
    """

    name: str
    backend: bool = False
    kept: bool = False
    variables: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()


FRAMEWORKS = (
    Framework("tensorflow", backend=True, variables=("TF_",), brings=("keras",)),
    Framework("tf_keras", brings=("tensorflow",)),
    Framework("keras", variables=("KERAS_",)),
    Framework("jax", backend=True, kept=True, variables=("JAX_", "XLA_"), parts=("jaxlib",)),
    Framework("torch", backend=True, kept=True, variables=("ATEN_", "PYTORCH_", "TORCH")),
)
