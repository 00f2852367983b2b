"""What one check says of an optimizer, and that it says what it should."""

import sys

import cloudpickle

from slotscope.checking.check_optimizer import check_optimizer

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def outcomes(engine, make, *only, **options):
    """{id: (verdict, reason)} of the checks named ``only``; ``make`` makes the optimizer."""
    report = check_optimizer(make, engine=engine, only=only, verbose=False, **options)
    return {o.id: (str(o.verdict), o.reason) for o in report.outcomes}


def violated(engine, make, check, words, verdict="violated", **options):
    """Assert that ``check`` finds a violation, in ``words``, in at least one case."""
    found = outcomes(engine, make, check, **options)
    reasons = [reason for said, reason in found.values() if said == verdict]
    assert reasons, found
    assert any(words in reason for reason in reasons), reasons
