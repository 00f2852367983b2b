"""Every private name that slotscope leans on is listed, and the installed releases have it."""

import ast
import functools
import importlib
import importlib.metadata
import multiprocessing
import re
from concurrent.futures import ProcessPoolExecutor

import nbformat
import pytest
from engine_cases import data, dense_model, on_every_engine
from packaging.version import Version
from repository_root import ROOT

from slotscope.engines import engine_classes, private_names
from slotscope.engines.private_names import PrivateName

SOURCES = sorted([*ROOT.glob("src/**/*.py"), *ROOT.glob("tools/**/*.py")])
NAMES = private_names.private_names()
#: What no other case than tests of engines can make.
OF_ENGINES = [name for name in NAMES if name.engines]
OF_OTHERS = [name for name in NAMES if not name.engines]


def expected(name):
    """Whether the installed release should have ``name``."""
    if name.of == "python":
        return True
    try:
        version = Version(importlib.metadata.version(name.of))
    except importlib.metadata.PackageNotFoundError:  # a session without it
        return False
    late = name.since and version < Version(name.since)
    return not late and not (name.until and version >= Version(name.until))


def missing(names, holders):
    """The sentence of each of ``names`` that is not there."""
    lacks = [n for n in names if expected(n) and not private_names.there(n, holders)]
    return [str(name.missing()) for name in lacks]


def holders_of(engine):
    """Everything that can be asked on an engine, by the words of the list."""
    # Adam has a slot of each kind, and an update of all parameters at once on torch.
    model = dense_model(engine, "Adam")
    x, y = data()
    with engine.scope():
        model.fit(x, y, batch_size=32, verbose=0)
        held = engine.asked(model.optimizer, model)
    trainer = engine.trainer(model)
    if "tensorflow" in engine.requires:
        tf = importlib.import_module("tensorflow")
        variable = tf.Variable(1.0)
        held |= {
            "a function that autograph leaves alone": tf.autograph.experimental.do_not_convert(
                lambda: None
            ),
            "the class of compiled functions": type(tf.function(lambda: None)),
            "a TensorFlow variable": variable,
            "the handle of a TensorFlow variable": variable.handle,
            "an eager tensor": tf.constant(1.0),
            "the train function of a graph": trainer.train_function,
            "a model of a graph": trainer,
            "a legacy optimizer": model.optimizer,
            "an optimizer under a schedule": scheduled(engine),
        }
    if engine.name == "keras-jax":
        held["a JAX array"] = importlib.import_module("jax").numpy.zeros(1)
    return held


def scheduled(engine):
    """An optimizer that a schedule gives its learning rate."""
    if engine.name != "tf_keras":
        return None
    schedule = engine.keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    return engine.keras.optimizers.SGD(schedule)


@on_every_engine
def test_the_installed_releases_have_what_an_engine_leans_on(engine):
    names = [name for name in OF_ENGINES if engine.lineage() & set(name.engines)]
    # Keras 2.1 has a list of names like tf_keras's, and none of its own.
    assert missing(names, holders_of(engine)) == []
    assert len(names) > 3


def a_cell_of_nbval(folder):
    """A cell as nbval's plugin collects it."""

    class Kept:
        def pytest_collection_modifyitems(self, items):
            self.items = list(items)

    path = folder / "one.ipynb"
    cell = nbformat.v4.new_code_cell("1 + 1", execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    kept = Kept()
    options = ["--nbval", "--collect-only", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}"]
    pytest.main([*options, "-c", "/dev/null", str(path)], plugins=[kept])
    return kept.items[0]


def test_the_installed_releases_have_what_the_rest_leans_on(tmp_path):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(int).result()
        holders = {
            "a pool of processes": pool,
            "a cell that nbval collects": a_cell_of_nbval(tmp_path),
        }
        assert missing(OF_OTHERS, holders) == []


def test_a_name_that_is_missing_says_what_it_is_for():
    name = next(name for name in NAMES if name.name == "_slots")
    lacking = PrivateName(**{**asdict(name), "name": "_no_such_name"})
    (sentence,) = missing([lacking], {name.asked: object()})
    assert sentence.startswith("tf_keras ")
    assert "has no '_no_such_name' (a legacy optimizer), which is the table of slots" in sentence
    assert "Expected tf_keras 2.16 to " in sentence


def asdict(name):
    return {field: getattr(name, field) for field in name.__dataclass_fields__}


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{name.of}-{name.name}")
def test_an_entry_is_whole(name):
    assert set(name.engines) <= set().union(*(cls.lineage() for cls in engine_classes()))
    assert name.of in private_names._tried()
    assert name.use[0].islower()
    assert name.use[-1] != "."
    assert name.without
    if name.needed:
        assert name.without.endswith("is refused")


# ---- and none is used that is not listed

PRIVATE = re.compile(r"_(?!_)\w*[A-Za-z]\w*")
#: Documented, in spite of their names.
DOCUMENTED = {"_exit", "_getframe", "_value_"}
#: What is ours though it looks like a private name: a module that is not imported by others.
OURS = {"_warm_kernel_server"}
FRAMEWORKS = (
    "keras|tf_keras|tensorflow|jax|jaxlib|torch|ipykernel|jupyter_client|nbval|papermill|loky"
)
#: The modules of these that are documented; any other must be listed.
PUBLIC = {
    *("jax.monitoring", "jax.numpy", "keras.utils", "tf_keras.backend", "torch.utils"),
    "ipykernel.kernelspec",
    *("ipykernel.ipkernel", "ipykernel.kernelapp", "ipykernel.debugger"),
    *("jupyter_client.connect", "jupyter_client.kernelspec"),
    *("jupyter_client.provisioning.local_provisioner", "papermill.clientwrap"),
    *("papermill.engines", "papermill.exceptions", "papermill.log", "papermill.translators"),
}


@functools.cache
def trees():
    return {path: ast.parse(path.read_text("utf-8")) for path in SOURCES}


@functools.cache
def own_names():
    """Names that our own sources define: functions, classes, variables, attributes of self."""
    own = set(OURS)
    for tree in trees().values():
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    own.add(name)
                case ast.ClassDef(name=name):
                    own.add(name)
                case ast.Name(id=name, ctx=ast.Store()):
                    own.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store(), value=ast.Name(id="self" | "cls")):
                    own.add(name)
    return own


def is_ours(value, tree):
    """Whether ``value``, of which an attribute is taken, is an object of our own."""
    match value:
        case ast.Name(id="self" | "cls"):
            return True
        case ast.Call(func=ast.Name(id="super")):
            return True
        case ast.Name(id=name):  # a class of this module
            return any(isinstance(node, ast.ClassDef) and node.name == name for node in tree.body)
    return False


def private_uses(tree):
    """(line, name) for each private name that a source takes from what is not its own."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, value=value) if PRIVATE.fullmatch(name):
                if not (is_ours(value, tree) and name in own_names()):
                    yield node.lineno, name
            case ast.Constant(value=str(name)) if PRIVATE.fullmatch(name):
                yield node.lineno, name
            case ast.ImportFrom(module=str(module), names=names, level=0):
                modules = [alias.name for alias in names if PRIVATE.fullmatch(alias.name)]
                if not module.startswith("slotscope"):
                    yield from ((node.lineno, name) for name in modules)
                yield from ((node.lineno, name) for name in foreign_modules(module))
            case ast.Import(names=names):
                for alias in names:
                    yield from ((node.lineno, name) for name in foreign_modules(alias.name))
            case ast.Constant(value=str(text)):
                yield from ((node.lineno, name) for name in foreign_modules(text))


def foreign_modules(text):
    """``text`` where it is a module of a framework that is not documented."""
    module = re.fullmatch(rf"({FRAMEWORKS})(\.[a-z_0-9]\w*)+", text)
    if module and text not in PUBLIC and not text.endswith(".json"):
        yield text


def listed(name):
    return name in DOCUMENTED or any(
        name in (known.name, known.asked.partition(":")[0]) or name in known.name.split(".")
        for known in NAMES
    )


def unlisted(tree):
    found = sorted({(line, name) for line, name in private_uses(tree) if not listed(name)})
    return [(line, name) for line, name in found if name not in OURS]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_private_name_that_a_source_uses_is_listed(path):
    assert unlisted(trees()[path]) == [], (
        "list it in engines/private_names.toml, with what it is for"
    )


@pytest.mark.parametrize(
    "source",
    [
        "optimizer._secret",
        "getattr(optimizer, '_secret', None)",
        "vars(optimizer)['_secret'] = 1",
        "counted = ('build', '_secret')",
        "self.inner._secret()",
        "self._secret",  # of a base class that is not ours
        "from keras import _secret",
        "from keras.src import backend",
        "import tensorflow.python.framework",
        "importlib.import_module('jax._src.core')",
        "home = 'torch._dynamo'",
    ],
)
def test_a_new_private_name_is_noticed(source):
    assert unlisted(ast.parse(source))


def test_every_entry_is_used():
    texts = "\n".join(path.read_text("utf-8") for path in SOURCES)
    unused = [name for name in NAMES if re.split(r"[.:]", name.name)[-1] not in texts]
    assert unused == []
