"""Kernels that start warm: forked from a server that has imported the frameworks.

Most of what a notebook costs is its kernel's start, the import of a framework, and the exit. A
process that has imported the frameworks and run nothing has one thread and can be forked; the fork
is a kernel that trains as any other. The parts:

* ``server/``: the process that imports and forks. It runs by path and knows nothing of this
  package, so that the code under test is in no kernel until the notebook imports it.
* ``fingerprint``: which environments may share a server.
* ``servers``: finding, starting, listing and stopping servers.
* ``forked_process``: a forked kernel, as :class:`subprocess.Popen` would show it.
* ``provisioner``: what jupyter_client asks for a kernel. Where a warm one can't be had, an
  ordinary kernel starts in its place, and one line says why.
* ``spec``: the kernelspec through which notebooks get these kernels by name.
"""
