"""A torch device ``elsewhere`` that is not the CPU, for machines that have none.

Its tensors hold their values in the CPU's memory. As with an accelerator's, NumPy cannot read them,
no operation mixes them with the CPU's, and a copy of the process (``fork``) cannot use them.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch.utils import backend_registration
from torch.utils._pytree import tree_leaves, tree_map_only

NAME = "elsewhere"
#: Operations that carry values from one device to another.
CARRYING = ("aten::copy_", "aten::_to_copy")

_initialised_in = os.getpid()


class Elsewhere(torch.Tensor):
    """A tensor on the device; ``held`` is the CPU's tensor with its values."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Elsewhere:
        made: Elsewhere = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
        )
        return made

    def __init__(self, held: torch.Tensor) -> None:
        self.held = held

    def __repr__(self) -> str:
        return f"{self.held!r} on {NAME}"

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def numpy(self, *, force: bool = False) -> Any:
        if not force:
            raise TypeError(f"can't convert {NAME}:0 device type tensor to numpy.")
        return self.cpu().numpy()

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        return self.numpy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            held = self.held.detach().clone()
            memo[id(self)] = _made(held, self.requires_grad, _is_parameter(self))
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _made, (self.held.detach(), self.requires_grad, _is_parameter(self))

    @classmethod
    def __torch_dispatch__(
        cls, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return run(operation, *args, **(kwargs or {}))


def _is_parameter(tensor: torch.Tensor) -> bool:
    return isinstance(tensor, torch.nn.Parameter)


def _made(held: torch.Tensor, requires_grad: bool, is_parameter: bool) -> torch.Tensor:
    tensor = Elsewhere(held)
    if is_parameter:
        return torch.nn.Parameter(tensor, requires_grad)
    return tensor.requires_grad_(requires_grad)


def run(operation: Any, *args: Any, **kwargs: Any) -> Any:
    """``operation`` on what the tensors hold; its results are where its tensors are."""
    if os.getpid() != _initialised_in:
        raise RuntimeError(f"Cannot re-initialize {NAME} in forked subprocess.")
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
    here = [tensor for tensor in tensors if not isinstance(tensor, Elsewhere) and tensor.dim()]
    if there and here and operation._schema.name not in CARRYING:
        raise RuntimeError(
            "Expected all tensors to be on the same device,"
            f" but found at least two devices, {NAME}:0 and cpu: {operation}"
        )
    goes_there = bool(there)
    if kwargs.get("device") is not None:
        goes_there = torch.device(kwargs["device"]).type == NAME
        kwargs["device"] = torch.device("cpu")
    held_args, held_kwargs = tree_map_only(Elsewhere, lambda tensor: tensor.held, (args, kwargs))
    #: What an operation changed in place it returns.
    given = {id(tensor.held): tensor for tensor in there} | {id(tensor): tensor for tensor in here}

    def placed(found: torch.Tensor) -> torch.Tensor:
        if id(found) in given:
            return given[id(found)]
        return Elsewhere(found) if goes_there else found

    return tree_map_only(torch.Tensor, placed, operation(*held_args, **held_kwargs))


def _empty(size: Any, *, dtype: Any = None, memory_format: Any = None, **_: Any) -> Elsewhere:
    return Elsewhere(torch.empty(size, dtype=dtype, memory_format=memory_format))


def _empty_strided(size: Any, stride: Any, *, dtype: Any = None, **_: Any) -> Elsewhere:
    return Elsewhere(torch.empty_strided(size, stride, dtype=dtype))


def _copy_from(source: Any, target: Any, non_blocking: bool = False) -> Any:
    there = [getattr(tensor, "held", tensor) for tensor in (source, target)]
    there[1].copy_(there[0])
    return target


class _Generator(torch.Generator):
    """One for this device is the CPU's."""

    def __new__(cls, device: Any = "cpu") -> Any:
        kind = "cpu" if torch.device(device).type == NAME else device
        return torch._C.Generator.__new__(torch._C.Generator, kind)


def install() -> Any:
    """Make the device known to torch; whatever is made on it is made of three operations.

    Returns:
        What keeps it known for as long as it is kept.
    """
    backend_registration._setup_privateuseone_for_python_backend(NAME)
    library = torch.library.Library("aten", "IMPL")
    library.impl("empty.memory_format", _empty, "PrivateUse1")
    library.impl("empty_strided", _empty_strided, "PrivateUse1")
    library.impl("_copy_from", _copy_from, "PrivateUse1")
    torch.Generator = _Generator
    return library
