"""Floats as text that comes out again on another processor.

Two processors agree on a float32 result but for its last bits: sums are done in another order, a
product and a sum are rounded once or twice, and functions such as exp are right to a unit in the
last place or two. So a text that a strict comparison looks at has

- what is exact, exactly: integers, NaN, infinities;
- a float near 0 as a bound. It may be nothing but rounding errors, and what is 0.0 here is 3e-9
  elsewhere. A decimal of three digits, such as a learning rate of 1e-4, was chosen by someone and
  is shown: of random numbers, one in a thousand looks like one;
- any other float with three significant digits. Where the third digit turns is displaced: computed
  values are often next to a short binary fraction, such as 0.1875, and from there 0.188 and 0.187
  would be equally far;
- a float of half precision, which has no more than two or three digits of its own, as a power of
  two near it. Where that turns is displaced from the root of two, the norm of two ones.

What remains: another computed value may lie, by chance, where its third digit turns. For an error
of a millionth of the value that is one in a thousand.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

#: A float nearer to 0 than this power of two, half precision's epsilon, is not told from 0.
NEAR = -10
#: The same for floats of half precision.
NEAR_OF_HALF = -4
#: So much more than its magnitude is rounded, relative.
DISPLACED = 2.0**-13
#: So far, in powers of two, a float of half precision is rounded down; it is halfway at 2**0.5.
DOWN_OF_HALF = 0.55
#: So near, relative, a float is the decimal that it reads as: 8 roundings of float32 or more.
READS_AS = 2.0**-20
#: The smallest normal number of float32: what is smaller is 0 on some processors.
_SMALLEST = 2.0**-126


def stated(value: Any) -> str:
    """A float or complex number, Python's or NumPy's, as text that roundings do not change."""
    if isinstance(value, (complex, np.complexfloating)):
        return f"(real {stated(value.real)}, imaginary {stated(value.imag)})"
    number = float(value)
    if not math.isfinite(number):
        return repr(number)
    half = isinstance(value, np.generic) and value.dtype.itemsize <= 2
    near = NEAR_OF_HALF if half else NEAR
    # A hundredth less, so that the power of two itself is well on one side.
    if abs(number) < 0.99 * 2.0**near:
        return f"{number:.3g}" if not half and _is_decimal(number) else f"within 2**{near} of 0"
    if half:
        sign = "-" if number < 0 else ""
        return f"about {sign}2**{math.ceil(math.log2(abs(number)) - DOWN_OF_HALF)}"
    displaced = number * (1 + DISPLACED)
    return f"{displaced if math.isfinite(displaced) else number:.3g}"


def is_float(value: Any) -> bool:
    """Whether ``value`` is one number that :func:`stated` takes."""
    if isinstance(value, np.generic):
        # ml_dtypes' are of no kind that says so.
        return value.dtype.kind in "fc" or value.dtype.name.startswith(("bfloat", "float"))
    return isinstance(value, (float, complex))


def _is_decimal(number: float) -> bool:
    """Whether it reads as a decimal of at most three digits, other than 0."""
    off = abs(number - float(f"{number:.3g}"))
    return abs(number) >= _SMALLEST and off <= READS_AS * abs(number)
