"""What fails on an accelerator alone is found in the source: who reads, forks, makes and names.

Each rule lists the functions that may do a thing, by the reason why they may. One that is not
listed fails with what to do instead; one that is listed and doesn't do it any more fails, too.
``float`` and ``int`` are not asked for: they read a number from any device.
"""

import ast
import functools
import re

from repository_root import ROOT

NUMPY = ("asarray", "array", "asanyarray", "ascontiguousarray", "copy", "from_dlpack", "testing")
TENSORS = ("numpy", "item", "cpu", "__array__", "convert_to_numpy")
FACTORIES = (
    *("arange", "as_tensor", "empty", "eye", "from_numpy", "full", "linspace", "ones", "rand"),
    *("randint", "randn", "scalar_tensor", "tensor", "zeros"),
)
DEVICE = r"(?i)/?(cpu|gpu|cuda|tpu|mps|xpu)(:\d+)?"

TO_NUMPY = {
    "what Engine.read or Model.get_weights returned": (
        "checks/themes/gradients.py _ends",
        "checks/problems/state.py state_of",
        "recording/recorder.py Recorder._record",
        "recording/recorder.py _native",
        "story/batches.py _read",
        "story/nominal.py _fitted",
        "story/precision.py _trained",
        "story/slot_norms.py _compared",
    ),
    "parameters and gradients that the checks themselves chose": (
        "checks/themes/equivalences.py <module>",
        "checks/problems/features.py _sparse",
        "checks/problems/features.py multiplied",
        "checks/problems/features.py problem_of",
        "checks/themes/gradients.py _sparse",
        "checks/themes/gradients.py check_parameter_to_be_overwritten_becomes_its_gradient",
        "checks/problems/own_rule.py Itself.initial",
        "checks/problems/own_rule.py Itself.step",
        "checks/problems/linear_model.py <module>",
        "checks/problems/linear_model.py applied",
        "checks/data/method_refusals.py _set_iterations",
        "checks/themes/pairs.py check_sparse_gradient_is_clipped_as_the_dense_one",
        "checks/problems/exact_problems.py exact",
        "checks/problems/steps.py Run.__init__",
        "checks/themes/values.py <module>",
        "checks/themes/values.py check_float64_follows_the_rule",
        "checks/themes/values.py check_gradients_of_every_size_follow_the_rule",
        "story/one_weight.py train",
        "story/precision.py rounded",
        "story/precision.py survey",
    ),
    "the state of a rule, which is NumPy's": (
        "checks/themes/equivalences.py _scale_after",
        "checks/problems/rounding.py Rounded.step",
    ),
    "a state that an engine's get_weights returned": ("checks/themes/persistence.py offered",),
    "a number that a comparison made of arrays": (
        "checks/problems/comparing.py _tolerance",
        "checks/problems/rounding.py _shaken",
    ),
    "numbers of a recording": (
        "recording/archive.py _members",
        "recording/recorder.py Recorder._identities",
        "recording/recorder.py Recorder._take",
        "recording/recording.py Recording.iterations",
        "recording/recording.py Recording.statistics",
        "recording/recording.py Recording.values",
    ),
}

OF_TENSORS = {
    "Engine's own member": (
        "checks/themes/construction.py check_apply_gradients_returns_the_step_counter",
        "checks/themes/gradients.py check_a_step_leaves_its_gradients_as_they_were",
        "checks/themes/pairs.py check_iterations_are_steps_not_calls",
    ),
    "a NumPy scalar among the arguments of a constructor": (
        "checks/subjects/constructor_call.py shortest",
        "checks/subjects/config_arguments.py through_json.plain",
    ),
    "arrays that Engine.read or Model.get_weights returned": (
        "story/again.py shown",
        "story/again.py weight",
        "story/one_weight.py train",
    ),
    "steps_per_execution of TensorFlow, which is on the CPU": ("recording/hooks.py _whole",),
    "a formula in NumPy": ("report/figures/closed_form.py _draw",),
}

FORKS = {
    "after forking.hindrance found nothing": ("kernels/server/loop.py Server._fork",),
    "of a kernel that was such a copy, and has run nothing": (
        "kernels/server/workers.py _serve",
        "kernels/server/workers.py twin",
    ),
    "after forking.devices found nothing": ("processes/copies.py in_a_copy",),
}

MAKES = {
    "numbers that are on the CPU already": (
        "engines/meters/torch_numbers.py Describing.take",
        "engines/meters/torch_numbers.py _one_by_one",
    ),
}

NAMES = {
    "checks of two devices are on two parts of the CPU": (
        "engines/driving/devices.py DataParallel.environment",
        "engines/driving/devices.py DataParallel.scope",
        "engines/driving/devices.py Mirrored.scope",
    ),
    "asks which it is, to read less often, or in other pieces": (
        "engines/meters/torch.py TorchMeter.applied",
        "engines/meters/tensorflow_numbers.py _five",
        "engines/meters/torch_numbers.py _one_by_one",
        "engines/meters/torch_numbers.py Rows._finite",
    ),
}


@functools.cache
def trees(*folders):
    """(name of the file, its syntax tree) of every Python file in ``folders``."""
    found = []
    for folder in folders:
        top = ROOT / "src/slotscope" if folder.startswith("src") else ROOT
        for file in sorted((ROOT / folder).rglob("*.py")):
            found.append((file.relative_to(top).as_posix(), ast.parse(file.read_text("utf-8"))))
    assert found
    return found


def places(tree, matches, scope=()):
    """The names of the functions and classes in which a node matches."""
    found = set()
    for node in ast.iter_child_nodes(tree):
        own = getattr(node, "name", None) if hasattr(node, "body") else None
        if matches(node):
            found.add(".".join(scope) or "<module>")
        found |= places(node, matches, (*scope, own) if own else scope)
    return found


def doing(matches, *folders, source=None):
    """``file function`` of everything in ``folders`` that does what ``matches`` knows."""
    files = trees(*folders) if source is None else [("checks/new.py", ast.parse(source))]
    return {f"{name} {place}" for name, tree in files for place in places(tree, matches)}


def hold(found, allowed, instead):
    listed = {place for places in allowed.values() for place in places}
    assert not found - listed, f"{sorted(found - listed)}: {instead}"
    assert not listed - found, f"{sorted(listed - found)} do no such thing any more: unlist them"


def called(node):
    """``a.b.c`` of a call of it, ``.c`` where a is no name; empty for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    names, part = [], node.func
    while isinstance(part, ast.Attribute):
        names.append(part.attr)
        part = part.value
    names.append(part.id if isinstance(part, ast.Name) else "")
    return ".".join(reversed(names))


def makes_an_array(node):
    first, _, name = called(node).partition(".")
    return first in ("np", "numpy") and name.partition(".")[0] in NUMPY


def reads_a_tensor(node):
    _, dot, name = called(node).rpartition(".")
    return bool(dot) and name in TENSORS


def forks(node):
    name = called(node)
    if name.rpartition(".")[2] in ("get_context", "set_start_method"):
        return "spawn" not in ast.unparse(node)
    if name.endswith("futures.ProcessPoolExecutor"):
        return len(node.args) < 2  # the second says how processes are started
    return name in ("os.fork", "os.forkpty", "pty.fork") or (
        name.startswith(("multiprocessing.", "mp."))
        and name.endswith((".Process", ".Pool", ".Manager"))
    )


def makes_a_torch_tensor(node):
    first, _, name = called(node).partition(".")
    placed = isinstance(node, ast.Call) and any(k.arg == "device" for k in node.keywords)
    return first == "torch" and name in FACTORIES and not placed


def names_a_device(node):
    if called(node) in ("jax.devices", "jax.local_devices"):
        return True
    if called(node).endswith(".cuda"):
        return True
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and bool(re.fullmatch(DEVICE, text))


def hides_a_name(node):
    """Whether an import takes a name out of its module, so that no rule would see a call of it."""
    if not isinstance(node, ast.ImportFrom):
        return False
    names = {
        "numpy": NUMPY,
        "torch": FACTORIES,
        "os": ("fork", "forkpty"),
        "multiprocessing": ("Process", "Pool", "Manager", "get_context", "set_start_method"),
        "concurrent.futures": ("ProcessPoolExecutor",),
    }.get(node.module or "", ())
    return any(alias.name in names for alias in node.names)


def test_numpy_reads_what_the_engine_read():
    found = doing(makes_an_array, "src/slotscope/checks", "src/slotscope/story")
    found |= doing(makes_an_array, "src/slotscope/recording")
    instead = "a tensor is read by engine.read or engine.convert_to_numpy; anything else is listed"
    hold(found, TO_NUMPY, instead)


def test_only_engines_read_tensors():
    found = {place for place in doing(reads_a_tensor, "src") if not place.startswith("engines/")}
    hold(found, OF_TENSORS, "use engine.read or engine.convert_to_numpy")


def test_only_what_may_be_copied_forks():
    found = doing(forks, "src", "tools", "benchmarks")
    hold(found, FORKS, "start a process anew, or ask forking.hindrance first")


def test_torch_makes_tensors_where_it_is_told():
    found = doing(makes_a_torch_tensor, "src")
    hold(found, MAKES, "give it device=, that of the model's parameters")


def test_no_device_is_named():
    found = doing(names_a_device, "src")
    hold(found, NAMES, "leave it to Keras where things are, or use the device of a parameter")


def test_what_is_called_is_called_by_its_module():
    hold(doing(hides_a_name, "src", "tools", "benchmarks"), {}, "import the module")


def test_the_rules_see_what_they_are_for():
    for matches, source in (
        (makes_an_array, "np.asarray(run.optimizer.iterations)"),
        (makes_an_array, "np.testing.assert_allclose(weight, 1)"),
        (makes_an_array, "numpy.asarray(weight)"),
        (hides_a_name, "from numpy import asarray as read"),
        (hides_a_name, "from os import fork"),
        (hides_a_name, "from concurrent.futures import ProcessPoolExecutor"),
        (reads_a_tensor, "weight.value.cpu()"),
        (reads_a_tensor, "def f():\n    return weight.numpy()"),
        (forks, "os.fork()"),
        (forks, "multiprocessing.Pool(2)"),
        (forks, "multiprocessing.get_context('fork')"),
        (forks, "concurrent.futures.ProcessPoolExecutor(2)"),
        (makes_a_torch_tensor, "torch.as_tensor(x)"),
        (names_a_device, "x.to('cuda:0')"),
        (names_a_device, "x.cuda()"),
        (names_a_device, "tf.device('/GPU:0')"),
        (names_a_device, "jax.devices()[0]"),
    ):
        assert doing(matches, source=source), source
    for matches, source in (
        (forks, "multiprocessing.get_context('spawn')"),
        (forks, "concurrent.futures.ProcessPoolExecutor(1, context)"),
        (makes_a_torch_tensor, "torch.as_tensor(x, device=place)"),
        (makes_an_array, "np.sum(x)"),
    ):
        assert not doing(matches, source=source), source
