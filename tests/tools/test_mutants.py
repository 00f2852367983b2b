"""The mutants: operators change what they name, the method comes back, and a check sees them."""

import ast

import pytest
from engine_cases import on
from tools.mutants import __main__ as command
from tools.mutants import page
from tools.mutants.hunt import KILLED, LOST, SURVIVED, Result, hunt
from tools.mutants.operators import OPERATORS
from tools.mutants.places import NoSuchPlaceError
from tools.mutants.splice import mutated
from tools.mutants.table import BadTableError, Mutant, mutants

SOURCE = '''
@outer
def step(self, x, scale=2.0):
    """What it does."""
    if self.centered:
        x = x - self.mean
    self.slots = []
    root = sqrt(x) + self.epsilon
    for slot in self.slots[:]:
        self.assign(slot, x * scale, name="s")
    return {"a": slots[x], "b": -x}
'''

CHANGES = [
    (("swap", "-"), "x = x + self.mean"),
    (("swap", "assign"), "self.assign_add(slot"),
    (("only", 2, "*"), "self.assign(slot, scale, name='s')"),
    (("only", 1, "sqrt"), "root = x + self.epsilon"),
    (("only", 1, "-x"), "'b': x}"),
    (("exchange", "-"), "x = self.mean - x"),
    (("number", 2.0, 3.0), "scale=3.0"),
    (("instead", "deviation", "mean"), "self.deviation"),
    (("drop", "root"), "self.slots = []\n    for"),
    (("twice", "root"), "root = sqrt(x) + self.epsilon\n    root = sqrt(x) + self.epsilon"),
    (("later", "slots"), "root = sqrt(x) + self.epsilon\n    self.slots = []"),
    (("never", "centered"), "if False:"),
    (("always", "centered"), "if True:"),
    (("negate", "centered"), "if not self.centered:"),
    (("default", "scale", 1.0), "scale=1.0"),
    (("lose", "b"), "return {'a': slots[x]}"),
    (("lose", "name"), "self.assign(slot, x * scale)"),
    (("keyword", "name", "t"), "name='t'"),
    (("epsilon",), "root = sqrt(x + self.epsilon)"),
    (("neighbour", "slots", 2), "slots[x - 1]"),
    (("iterate", "but the last", "slots"), "in list(self.slots[:])[:-1]:"),
    (("alias",), "in self.slots:"),
    (("share", "slots"), "self.slots = shared.setdefault('slots', [])"),
    (("nothing",), "scale=2.0):\n    pass"),
    (("unchanged",), "scale=2.0):\n    return x"),
    (("answer", 0), "return 0"),
    (("inherit",), "return super().step(*args, **kwargs)"),
    (("undecorated", "outer"), "def step"),
]


def changed(operator, *arguments):
    (function,) = ast.parse(SOURCE).body
    OPERATORS[operator](function, *arguments)
    return ast.unparse(ast.fix_missing_locations(function))


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=str)
def test_an_operator_changes_the_place_that_it_names(change, expected):
    assert expected in changed(*change)
    (function,) = ast.parse(SOURCE).body
    assert changed(*change) != ast.unparse(function)


def test_every_operator_is_tested_here():
    assert {change[0] for change, _ in CHANGES} == set(OPERATORS)


@pytest.mark.parametrize(
    "change",
    [("swap", "+", 2), ("drop", "absent"), ("default", "x", 1), ("undecorated", "inner")],
    ids=str,
)
def test_a_place_that_is_not_there_is_an_error(change):
    with pytest.raises(NoSuchPlaceError):
        changed(*change)


def test_epsilon_comes_out_from_under_a_root_as_it_goes_in():
    (function,) = ast.parse("def f(self, v):\n    return sqrt(add(v, self.epsilon))").body
    OPERATORS["epsilon"](function)
    assert ast.unparse(function).endswith("return add(sqrt(v), self.epsilon)")


@on("keras-torch")
def test_a_mutant_stands_in_for_the_method_and_goes_away(engine):
    place = "src.optimizers.base_optimizer:BaseOptimizer.variables"
    optimizer = engine.optimizer("SGD")
    with mutated("keras", place, "alias"):
        assert optimizer.variables is optimizer._variables
    assert optimizer.variables is not optimizer._variables


@on("keras-torch")
def test_a_mutant_keeps_super_and_its_decorators(engine):
    optimizer = engine.optimizer("SGD")
    with mutated("keras", "src.optimizers.sgd:SGD.get_config", "lose", "nesterov"):
        config = optimizer.get_config()
    assert "nesterov" not in config
    assert config["momentum"] == 0.0


@on("keras-torch")
def test_a_method_that_the_release_lacks_is_an_error(engine):
    place = mutated(engine.keras.__name__, "src.optimizers.sgd:SGD.lost", "nothing")
    with pytest.raises(NoSuchPlaceError, match="has no SGD"), place:
        pass


PLACE = "src.backend.torch.optimizers.torch_sgd:SGD._parallel_update_step"


@on("keras-torch")
def test_a_step_that_goes_uphill_is_killed(engine):
    mutant = Mutant("keras-torch", "SGD", PLACE, "only", (1, "-x", 3), "uphill")
    result = hunt(mutant)
    assert (result.fate, result.by) == (KILLED, "check_every_step_follows_the_rule[matrix]")
    assert not result.problem


@on("keras-torch")
def test_a_place_that_is_gone_is_no_kill(engine):
    result = hunt(Mutant("keras-torch", "SGD", PLACE, "swap", ("%", 1), "gone"))
    assert result.fate == LOST == result.problem


@pytest.mark.parametrize(
    ("fate", "equivalent", "problem"),
    [
        (KILLED, False, ""),
        (SURVIVED, True, ""),
        (SURVIVED, False, "survived"),
        (KILLED, True, "listed as equivalent, and killed"),
    ],
)
def test_the_list_of_equivalent_mutants_is_strict_both_ways(fate, equivalent, problem):
    mutant = Mutant("keras-torch", "SGD", PLACE, "nothing", (), "", equivalent)
    assert Result(mutant, fate).problem == problem


def test_the_table_reaches_every_engine_and_the_base_classes():
    table = mutants()
    assert len(table) >= 120
    assert {mutant.engine for mutant in table} == {
        "keras-2.1",
        "tf_keras-graph",
        "tf_keras-legacy",
        "tf_keras",
        "keras-tensorflow",
        "keras-jax",
        "keras-torch",
    }
    assert sum("ptimizer." in mutant.place.partition(":")[2] for mutant in table) >= 40


def test_a_mutant_that_stands_twice_in_the_table_is_an_error(tmp_path):
    place = '[[place]]\nat = "m:f"\nengines = ["keras-jax"]\noptimizer = "SGD"\n'
    file = tmp_path / "twice.toml"
    file.write_text(place + 'mutants = [["nothing", "x"], ["nothing", "y"]]\n', "utf-8")
    with pytest.raises(BadTableError, match="twice"):
        mutants([file])


def test_every_mutant_is_killed_or_equivalent_in_the_record_and_on_the_page():
    """A line that is added to the table is hunted with ``nox -s mutants -- --record``."""
    record = page.read()
    fates = {m.id: page.EQUIVALENT if m.equivalent else KILLED for m in mutants()}
    assert {id: found["fate"] for id, found in record.items()} == fates
    assert page.PAGE.read_text("utf-8") == page.page(record)


def test_a_hunt_ends_where_its_listener_does_and_keeps_what_it_has(monkeypatch, capsys):
    """Whatever goes wrong, the mutants that are left are not hunted for nobody."""
    hunted = []

    def of_engine(group, record, limit, tell):
        while group:
            hunted.append(group.pop(0))
            tell(Result(hunted[-1], KILLED))

    def fails(results):
        raise OSError("no space left")

    monkeypatch.setattr(command, "_of_engine", of_engine)
    monkeypatch.setattr(command.page, "write", fails)
    with pytest.raises(OSError, match="no space"):
        command.main(["keras-torch", "--record"])
    assert "killed" in capsys.readouterr().out
