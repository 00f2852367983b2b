"""What mypy asks of this project besides types: NumPy is given no tensor.

NumPy can't read a tensor that is on an accelerator; ``engine.read`` and
``engine.convert_to_numpy`` can. Everything that a framework returns is ``Any`` to mypy, so an
argument of ``np.asarray`` and its like must be of a type that says more, as what the checks chose
and what ``engine.read`` returned is. Where NumPy's own stubs lose a type, annotate the name.

Engines may: reading tensors is theirs. A plugin of mypy, named in pyproject.toml.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from mypy.errorcodes import ErrorCode
from mypy.nodes import (
    CallExpr,
    Expression,
    IndexExpr,
    ListComprehension,
    ListExpr,
    MemberExpr,
    OpExpr,
    RefExpr,
    TupleExpr,
    UnaryExpr,
)
from mypy.plugin import CheckerPluginInterface, FunctionSigContext, Plugin
from mypy.types import AnyType, FunctionLike, Instance, TupleType, Type, UnionType, get_proper_type

READERS = ("asarray", "array", "asanyarray", "ascontiguousarray", "copy", "from_dlpack")
#: Engines, and what never sees a tensor.
MAY_READ = ("src/slotscope/engines/", "src/slotscope/report/", "tools/", "benchmarks/")
TENSOR = ErrorCode("tensor", "NumPy is given what may be a tensor", "slotscope")
INSTEAD = "This may be a tensor: read it by engine.read or engine.convert_to_numpy"


class NoTensors(Plugin):
    """Looks at what each call of one of ``READERS``, or of ``numpy.testing``, is given."""

    def get_function_signature_hook(
        self, fullname: str
    ) -> Callable[[FunctionSigContext], FunctionLike] | None:
        module, _, name = fullname.rpartition(".")
        if module.startswith("numpy.testing"):
            return functools.partial(_held, arrays=2)
        return _held if module.startswith("numpy") and name in READERS else None


def plugin(version: str) -> type[Plugin]:
    """What mypy calls."""
    return NoTensors


def _held(context: FunctionSigContext, arrays: int = 1) -> FunctionLike:
    """Refuse a call of which one of the first ``arrays`` arguments may be a tensor."""
    given = [argument for arguments in context.args for argument in arguments]
    if not Path(context.api.path).as_posix().startswith(MAY_READ) and any(
        _may_be_a_tensor(argument, context.api) for argument in given[:arrays]
    ):
        context.api.fail(INSTEAD, context.context, code=TENSOR)
    return context.default_signature


def _may_be_a_tensor(found: Expression, api: CheckerPluginInterface) -> bool:
    if not _unknown(api.get_expression_type(found)):
        return False
    parts: list[Expression]
    match found:
        case ListExpr(items=parts) | TupleExpr(items=parts):
            pass
        case ListComprehension(generator=generator):
            parts = [generator.left_expr]
        case OpExpr(left=left, right=right):
            parts = [left, right]
        case UnaryExpr(expr=operand):
            parts = [operand]
        case CallExpr(callee=RefExpr(fullname=name), args=parts) if name.startswith("numpy."):
            pass
        case CallExpr(callee=MemberExpr(expr=owner)) | IndexExpr(base=owner):
            return not _is_numpys(api.get_expression_type(owner))
        case _:
            return True
    return any(_may_be_a_tensor(part, api) for part in parts)


def _is_numpys(found: Type) -> bool:
    found = get_proper_type(found)
    return isinstance(found, Instance) and found.type.fullname.startswith("numpy.")


def _unknown(found: Type) -> bool:
    """Whether a type, or that of what a container holds, says nothing."""
    match get_proper_type(found):
        case AnyType():
            return True
        case TupleType(items=items) | UnionType(items=items):
            return any(map(_unknown, items))
        case Instance(type=kind, args=held):
            name = kind.fullname
            return name == "builtins.object" or (
                name.startswith(("builtins.", "typing.")) and any(map(_unknown, held))
            )
    return False
