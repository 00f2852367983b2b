"""Nothing is decided by the clock: whatever looks at one, or waits only so long, is in a table.

``docs/limits.md`` says of each place what it decides. A place that is new, or gone, fails here.
"""

import ast
import re

import pytest
from repository_root import ROOT
from source_places import places

PAGE = ROOT / "docs" / "limits.md"

#: Calls that read a clock.
CLOCKS = {"monotonic", "perf_counter", "time", "process_time", "thread_time", "time_ns"}
#: Methods that wait as long as it takes, unless they get an argument.
WAITS = {"wait", "poll", "result", "select", "communicate", "acquire"}
#: Calls that set a limit, a timer or a pause.
TIMERS = {"settimeout", "setitimer", "alarm", "Timer", "sleep", "processor_time", "on_a_clock"}


def looks_at_a_clock(node):
    """Whether a node reads a clock, pauses, waits for a limited time, or sets such a limit."""
    if isinstance(node, ast.Attribute):
        return isinstance(node.ctx, ast.Store) and node.attr.endswith("timeout")
    return isinstance(node, ast.Call) and is_limited(node)


def is_limited(call):
    method = isinstance(call.func, ast.Attribute)
    name = call.func.attr if method else getattr(call.func, "id", "")
    limited = any(k.arg and k.arg.endswith("timeout") for k in call.keywords)
    if name in CLOCKS:
        return method and ast.unparse(call.func.value) == "time"
    if name == "wait" and not method:  # of concurrent.futures
        return len(call.args) > 1 or limited
    if name in WAITS and method:
        return limited or any(ast.unparse(argument) != "None" for argument in call.args)
    if name == "join" and method and not isinstance(call.func.value, ast.Constant):
        return limited or any(is_a_number(argument) for argument in call.args)
    return name in TIMERS or limited


def is_a_number(argument):
    """Whether an argument is a number, or has the name of a limit."""
    if isinstance(argument, ast.Constant):
        return isinstance(argument.value, int | float)
    name = ast.unparse(argument).rpartition(".")[2]
    return bool(re.fullmatch(r"[A-Z_]+|seconds|timeout|limit|interval", name))


def found():
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    return {
        f"{path.relative_to(ROOT).as_posix().removeprefix('src/slotscope/')}: {name}"
        for path in files
        for name in places(ast.parse(path.read_text("utf-8")), looks_at_a_clock)
    }


def listed():
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text("utf-8"), re.M)
    return {place: (kind.strip(), why.strip()) for place, kind, why in rows}


def test_every_place_is_listed_with_its_reason():
    assert found() - set(listed()) == set(), "say in docs/limits.md what these decide"
    assert set(listed()) - found() == set(), "these are gone: remove them from docs/limits.md"
    assert all(why for _, why in listed().values())


def test_each_is_of_a_kind_that_decides_no_verdict():
    described = re.findall(r"^- \*\*([^*]+)\*\*:", PAGE.read_text("utf-8"), re.M)
    assert {kind for kind, _ in listed().values()} == set(described)


@pytest.mark.parametrize(
    "source",
    [
        "worker.submit(f).result(timeout=40)",
        "worker.submit(f).result(limit + GRACE)",
        "connection.poll(timeout)",
        "connection.settimeout(5)",
        "signal.setitimer(signal.ITIMER_REAL, seconds)",
        "while time.monotonic() < end: pass",
        "process.join(5)",
        "thread.join(_END)",
        "event.wait(seconds)",
        "executor.map(f, x, timeout=1)",
        "time.sleep(1)",
        "client(startup_timeout=3)",
        "threading.Timer(3, f)",
        "futures.wait(running, 1.0)",
        "item.output_timeout = 5",
    ],
)
def test_a_limit_is_seen(source):
    assert places(ast.parse(source), looks_at_a_clock)


@pytest.mark.parametrize(
    "source", ["', '.join(names)", "future.result()", "queue.get()", "d.get('x')", "process.poll()"]
)
def test_what_waits_as_long_as_it_takes_is_none(source):
    assert not places(ast.parse(source), looks_at_a_clock)
