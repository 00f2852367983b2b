"""The checks of values, on every engine."""

from engine_cases import on_every_engine

from slotscope.checks.door import check_optimizer


@on_every_engine
def test_sgd_follows_its_rule_on_every_engine(engine):
    """With and without momentum."""
    for momentum in (0.0, 0.5):
        report = check_optimizer(
            lambda momentum=momentum: engine.optimizer(
                "SGD", learning_rate=0.125, momentum=momentum
            ),
            engine=engine,
            themes=["values"],
        )
        assert report.exit_code == 0, report.of("violated")
        assert report.of("holds")
