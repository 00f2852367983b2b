"""Models, data and tables that the notebooks share; drawing is in :mod:`slotscope.report`."""
