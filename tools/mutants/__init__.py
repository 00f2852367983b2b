"""Mutants: built-in optimizers with one defect each, to see whether the checks see it.

    nox -s mutants                        every mutant; fails where one survives
    nox -s mutants -- keras-jax           those of one engine
    nox -s mutants -- -k Adam.update      those whose id contains a text
    nox -s mutants -- --survivors         those that the record says survived

A mutant is made while the suite runs: the source of one method of an installed class is parsed,
one *operator* (``operators.py``) changes one place of it, and the result takes the method's place
on the class (``splice.py``) while the checks run (``hunt.py``). What is stored is one line a mutant
in a table (``*.toml``, read by ``table.py``): an operator, where, and a sentence that says what is
wrong.

A mutant is *killed* by a check that is violated with it and not without it. One that no check sees
has *survived*, and fails the run, unless the table lists it as *equivalent* with the argument why
no check could see it; and one that is listed and gets killed fails the run as well.
"""
