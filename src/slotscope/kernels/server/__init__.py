"""The process that has imported the frameworks, run nothing, and forks a kernel per request.

It is run by path, ``python .../server/__main__.py``, by the interpreter of the kernels that it
makes, and uses nothing but the standard library and what it imports for them.
"""
