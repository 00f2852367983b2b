"""The doors to the checks: from what was asked to a plan, and from outcomes to a report."""
