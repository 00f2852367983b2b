"""What the README promises, done."""

import re
import shlex

from engine_cases import data, on
from repository_root import ROOT

import slotscope

README = ROOT / "README.md"


@on("keras-tensorflow")
def test_the_example_runs_and_shows_what_its_comments_say(engine):
    keras = engine.keras
    model = keras.Sequential(
        [keras.layers.Dense(3, name="dense"), keras.layers.Dense(1, name="last")]
    )
    model.compile(engine.optimizer("SGD", momentum=0.9), "mse")
    example, *_ = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    names = dict(zip(("x", "y"), data(rows=320), strict=True)) | {"model": model}
    exec(example, names)
    counts = names["recording"].counts
    assert {key: counts[key] for key in ("build", "slots created", "steps")} == {
        "build": 1,
        "slots created": 4,
        "steps": 30,
    }
    assert names["recording"].values("momentum", "dense/kernel").shape == (30, 4, 3)


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)]+)\)", README.read_text())
    assert len(links) > 9
    assert [link for link in links if not (README.parent / link).is_file()] == []


def test_its_commands_are_sessions():
    noxfile = (README.parent / "noxfile.py").read_text()
    commands = re.findall(r"python -m nox -s (\w+)", README.read_text())
    assert set(commands) == {"notebooks", "tests", "docs"}
    assert all(f"\ndef {name}(session" in noxfile for name in commands)


def test_ci_runs_the_test_command():
    (tests,) = (line for line in README.read_text().splitlines() if "nox -s tests" in line)
    command = shlex.split(tests, comments=True)
    assert shlex.join(command) in (README.parent / ".ci" / "run").read_text()


def test_the_table_names_every_engine():
    text = README.read_text()
    assert all(f"`{name}`" in text for name in slotscope.engines.ENGINES)
