"""The checks of construction: each catches the optimizer that breaks its sentence, and no other.

Most run on torch, where nothing is compiled.
"""

from checked import outcomes, violated
from engine_cases import on, on_every_engine
from heavy_ball import heavy_ball
from tools.mutants.splice import mutated

from slotscope.checking.check_optimizer import check_optimizer

THEME = "construction"


@on("keras-torch", "keras-jax")
def test_a_correct_custom_optimizer_is_clean(engine):
    """Without a rule."""
    cls = heavy_ball(engine)
    report = check_optimizer(lambda: cls(0.125), engine=engine, themes=[THEME], quick=True)
    assert report.exit_code == 0, report.of("violated")
    assert len(report.of("holds")) > 10


@on("keras-torch")
def test_slots_that_the_rule_does_not_name_are_found(engine):
    """And slots that it names and that are not there."""
    cls = heavy_ball(engine)

    def velocity(parameter, gradient, slots, iteration):
        return parameter, {"velocity": gradient}

    check = "check_slots_are_as_promised"
    words = "there is no slot velocity for p0"
    violated(engine, lambda: cls(0.125), check, words, reference=velocity)

    def nothing(parameter, gradient, slots, iteration):
        return parameter, {}

    words = "p0 has slots that its rule has not: ['momentum']"
    violated(engine, lambda: cls(0.125), check, words, reference=nothing)


@on("keras-torch")
def test_a_slot_that_one_parameter_lacks_is_found(engine):
    class Lost(heavy_ball(engine)):
        def build(self, variables):
            super().build(variables[:-2])
            self._trainable_variables = variables

    check = "check_parameters_of_one_shape_have_slots_alike"
    violated(engine, lambda: Lost(0.125), check, "p0 and p2, both of shape (4, 3)")


@on("keras-torch")
def test_a_variable_that_is_listed_twice_is_found(engine):
    class Twice(heavy_ball(engine)):
        @property
        def variables(self):
            return [*super().variables, *super().variables[-1:]]

    check = "check_every_variable_is_listed_once"
    violated(engine, lambda: Twice(0.125), check, "momentum/p3 stands in the list")


@on("keras-torch")
def test_variables_of_the_same_name_are_found(engine):
    class Nameless(heavy_ball(engine)):
        def build(self, variables):
            if not self.built:
                engine.keras.optimizers.Optimizer.build(self, variables)
                self.momentums = [self.add_variable(v.shape, name="m") for v in variables]

    check = "check_every_variable_has_a_name_of_its_own"
    violated(engine, lambda: Nameless(0.125), check, "4 are called nameless")


@on("keras-torch")
def test_an_order_that_changes_is_found(engine):
    class Unordered(heavy_ball(engine)):
        made = 0

        def build(self, variables):
            type(self).made += 1
            if type(self).made % 2:
                return super().build(variables)
            super().build(variables[::-1])

    check = "check_the_order_of_variables_is_fixed"
    violated(engine, lambda: Unordered(0.125), check, "files keep slots by their order")


@on("keras-torch")
def test_a_variable_that_compile_makes_is_found(engine):
    class Eager(heavy_ball(engine)):
        @property
        def variables(self):
            self.add_variable((), name=f"v{len(self._variables)}")
            return super().variables

    violated(engine, lambda: Eager(0.125), "check_compiling_makes_nothing", "compile changed")


@on("keras-torch")
def test_a_variable_made_in_a_step_is_found(engine):
    class Growing(heavy_ball(engine)):
        def update_step(self, gradient, variable, learning_rate):
            self.add_variable((), name=f"v{len(self._variables)}")
            super().update_step(gradient, variable, learning_rate)

    check = "check_steps_make_no_variables[apply]"
    violated(engine, lambda: Growing(0.125), check, "after step 1, there are 2 more")


@on("keras-torch")
def test_a_slot_that_is_replaced_in_a_step_is_found(engine):
    class Replacing(heavy_ball(engine)):
        def update_step(self, gradient, variable, learning_rate):
            at = self._get_variable_index(variable)
            fresh = self.add_variable_from_reference(variable, "momentum")
            del self._variables[-1]
            place = [slot is self.momentums[at] for slot in self._variables].index(True)
            self._variables[place] = self.momentums[at] = fresh
            super().update_step(gradient, variable, learning_rate)

    check = "check_slots_are_made_once[train_on_batch]"
    violated(engine, lambda: Replacing(0.125), check, "slots were made more than once")


@on("keras-torch")
def test_a_counter_that_is_off_is_found(engine):
    class Twice(heavy_ball(engine)):
        def apply(self, grads, trainable_variables=None):
            super().apply(grads, trainable_variables)
            self._iterations.assign_add(1)

    class Hidden(heavy_ball(engine)):
        @property
        def iterations(self):
            return engine.keras.Variable(0.0)

    check = "check_iterations_count_the_steps"
    violated(engine, lambda: Twice(0.125), check, "after 1 steps the step counter is 2")
    violated(engine, lambda: Hidden(0.125), check, "after 1 steps the step counter is 0.0")


@on("keras-torch")
def test_a_first_step_that_builds_otherwise_is_found(engine):
    class Impatient(heavy_ball(engine)):
        def apply(self, grads, trainable_variables=None):
            if not self.built:
                self.build(list(trainable_variables))
                for slot, gradient in zip(self.momentums, grads, strict=True):
                    slot.assign(gradient)
            super().apply(grads, trainable_variables)

    check = "check_the_first_step_builds_as_build_does"
    violated(engine, lambda: Impatient(0.125), check, "built by its first step, not before: p0")


@on("keras-tensorflow")
def test_slots_that_a_trace_fills_are_found(engine):
    """ScheduleFreeAdamW copies its weights in an op that the trace throws away."""
    report = check_optimizer(
        lambda: engine.optimizer("ScheduleFreeAdamW"),
        only=["check_the_first_step_builds_as_build_does[compiled]"],
    )
    assert "built by its first step, not before" in report.outcomes[0].reason


@on("keras-jax")
def test_a_step_that_is_traced_again_is_found(engine):
    class Finalizing(heavy_ball(engine)):
        def finalize_variable_values(self, var_list):
            self.add_variable((), name=f"v{len(self._variables)}")

    check = "check_steps_are_not_traced_again"
    violated(engine, lambda: Finalizing(0.125), check, "a second fit, of the same shapes, called")


@on("keras-torch")
def test_a_build_without_a_guard_is_found_where_a_guard_is_promised(engine):
    """In what derives from an optimizer of Keras's own; the base class does not promise it."""
    keras = engine.keras

    class Unguarded(keras.optimizers.SGD):
        def build(self, variables):
            keras.optimizers.Optimizer.build(self, variables)
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    check = "check_building_again_keeps_the_slots"
    words = "after a second build, there are 2 more (momentum/p0, momentum/p1)"
    violated(engine, lambda: Unguarded(0.125, momentum=0.5), check, words)

    class Documented(heavy_ball(engine)):
        def build(self, variables):
            keras.optimizers.Optimizer.build(self, variables)
            self.momentums = self.add_optimizer_variables(variables, "momentum")

    found = outcomes(engine, lambda: Documented(0.125), check)[f"{check}[after two steps]"]
    assert found[0] == "not applicable"
    assert "if self.built: return" in found[1]


@on("keras-torch")
def test_unknown_parameters_without_slots_are_found(engine):
    class Generous(heavy_ball(engine)):
        def _check_variables_are_known(self, variables):
            pass

        def _get_variable_index(self, variable):
            return self._trainable_variables_indices.get(id(variable), 0)

    check = "check_unknown_parameters_are_refused_or_served[others]"
    violated(engine, lambda: Generous(0.125), check, "made 0 slots for it; one of this shape has 1")


@on("keras-torch")
def test_a_learning_rate_that_does_not_arrive_is_found(engine):
    class Stubborn(heavy_ball(engine)):
        def __init__(self, learning_rate, **options):
            super().__init__(learning_rate, **options)
            self.first = learning_rate

        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, self.first)

    class Hoarding(heavy_ball(engine)):
        def _untrack_variable(self, variable):
            pass

    check = "check_a_new_learning_rate_reaches_the_next_step"
    violated(engine, lambda: Stubborn(0.125), f"{check}[number]", "after the number was set, p0")
    violated(engine, lambda: Hoarding(0.125), f"{check}[schedule]", "1 more (learning_rate)")


@on("keras-torch")
def test_a_list_of_variables_that_is_the_optimizers_own_is_found(engine):
    class Open(heavy_ball(engine)):
        variables = property(lambda self: self._variables)

    check = "check_the_list_of_variables_is_the_callers_own"
    violated(engine, lambda: Open(0.125), check, "was emptied, and so was the optimizer")


BASE = "src.optimizers.base_optimizer:BaseOptimizer."


@on("keras-torch")
def test_what_only_keras_own_optimizers_promise_is_found(engine):
    """Slots in the dtype of their parameter, and the counter from ``apply_gradients``."""
    adam = engine.optimizers.Adam
    with mutated("keras", f"{BASE}add_variable_from_reference", "lose", "dtype", 1):
        check = "check_slots_have_the_dtype_of_their_parameter"
        violated(engine, adam, check, "momentum/p0 is float32, its parameter is float16")
    with mutated("keras", f"{BASE}apply_gradients", "answer", 0, 1):
        check = "check_apply_gradients_returns_the_step_counter"
        violated(engine, adam, check, "it returns 0, expected iterations, 1")


@on_every_engine
def test_sgd_is_clean_on_every_engine(engine):
    """But for what is known of it."""
    report = check_optimizer(
        lambda: engine.optimizer("SGD", learning_rate=0.125),
        engine=engine,
        themes=[THEME],
        quick=True,
    )
    assert not report.of("violated"), [(o.id, o.reason) for o in report.of("violated")]
