"""Processes of a sweep are killed at random: nothing is lost, nothing torn, nothing run twice.

Moments and targets are drawn from the seed; `python -m tools.kills` does it a hundred times.
"""

import pytest
from tools.kills import Campaign

pytestmark = pytest.mark.kernels


@pytest.mark.parametrize("seed", [0])
def test_a_sweep_that_is_killed_again_and_again_ends_with_every_run(tmp_path, seed):
    campaign = Campaign(tmp_path, runs=4, seed=seed)
    campaign.run(kills=8)
    print(f"seed {seed}: {dict(campaign.kills)}")
    assert campaign.kills.total()
