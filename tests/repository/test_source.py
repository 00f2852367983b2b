"""What fails on an accelerator alone is found in the source: who reads, forks, makes and names.

Each rule lists the functions that may do a thing, by the reason why they may. One that is not
listed fails with what to do instead; one that is listed and doesn't do it any more fails, too.
``float`` and ``int`` are not asked for: they read a number from any device. What NumPy is given is
mypy's to see, by ``tools/arrays_of_tensors.py``.
"""

import ast
import functools
import re

from repository_root import ROOT
from source_places import places

TENSORS = ("numpy", "item", "cpu", "__array__", "convert_to_numpy")
FACTORIES = (
    *("arange", "as_tensor", "empty", "eye", "from_numpy", "full", "linspace", "ones", "rand"),
    *("randint", "randn", "scalar_tensor", "tensor", "zeros"),
)
DEVICE = r"(?i)/?(cpu|gpu|cuda|tpu|mps|xpu)(:\d+)?"

OF_TENSORS = {
    "a NumPy scalar among the arguments of a constructor": (
        "checks/subjects/constructor_call.py shortest",
        "checks/subjects/config_arguments.py through_json.plain",
    ),
    "arrays that Engine.read or Model.get_weights returned": (
        "story/constructing_again.py shown",
        "story/constructing_again.py weight",
        "story/one_weight.py train",
    ),
    "a formula in NumPy": ("report/figures/closed_form.py _draw",),
}

FORKS = {
    "after forking.hindrance found nothing": ("kernels/server/loop.py ForkServer._fork",),
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
        "engines/meters/torch.py TorchMeter._now",
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


def reads_a_tensor(node):
    of, dot, name = called(node).rpartition(".")
    engines_own = name == "convert_to_numpy" and of.rpartition(".")[2] == "engine"
    return bool(dot) and name in TENSORS and not engines_own


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
        "torch": FACTORIES,
        "os": ("fork", "forkpty"),
        "multiprocessing": ("Process", "Pool", "Manager", "get_context", "set_start_method"),
        "concurrent.futures": ("ProcessPoolExecutor",),
    }.get(node.module or "", ())
    return any(alias.name in names for alias in node.names)


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
        (hides_a_name, "from os import fork"),
        (hides_a_name, "from concurrent.futures import ProcessPoolExecutor"),
        (reads_a_tensor, "weight.value.cpu()"),
        (reads_a_tensor, "ops.convert_to_numpy(weight)"),
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
        (reads_a_tensor, "run.engine.convert_to_numpy(weight)"),
    ):
        assert not doing(matches, source=source), source
