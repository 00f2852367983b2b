"""Parameterised runs of a notebook: checked, run anywhere, resumed.

A *run* is one execution of a notebook with values for its parameters; a *sweep* is many of them,
in one folder. What a notebook may be given is read from its own parameters cell, without a kernel.
Runs are executed by papermill, in processes of this machine or on a Dask cluster; one driver
decides what is to be run and writes what comes back.
"""
