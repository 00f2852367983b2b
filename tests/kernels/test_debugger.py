"""JupyterLab's debugger stops in a warm kernel, whose server has imported it before the fork."""

import itertools

import pytest
from waiting import HANGS

pytestmark = pytest.mark.kernels

CELL = "a = 1\nb = a + 1\n"


class Debugger:
    """What a frontend asks a kernel's debugger, by the Debug Adapter Protocol."""

    def __init__(self, kernel):
        self._client = kernel.client
        self._numbers = itertools.count(1)

    def ask(self, command, **arguments):
        """The body of the answer."""
        request = {
            "type": "request",
            "seq": next(self._numbers),
            "command": command,
            "arguments": arguments,
        }
        self._client.control_channel.send(self._client.session.msg("debug_request", request))
        answer = self._client.control_channel.get_msg(timeout=HANGS)["content"]
        assert answer["success"], answer
        return answer.get("body", {})

    def stopped(self):
        """The number of the thread that stopped at a breakpoint."""
        while True:
            message = self._client.get_iopub_msg(timeout=HANGS)
            if message["content"].get("event") == "stopped":
                return message["content"]["body"]["threadId"]


def test_a_breakpoint_stops_the_cell(warm, start):
    kernel = start(warm)
    debugger = Debugger(kernel)
    path = {"adapterID": "python", "pathFormat": "path"}
    debugger.ask("initialize", linesStartAt1=True, columnsStartAt1=True, **path)
    debugger.ask("attach")
    source = {"path": debugger.ask("dumpCell", code=CELL)["sourcePath"]}
    found = debugger.ask("setBreakpoints", source=source, breakpoints=[{"line": 2}])
    assert [point["verified"] for point in found["breakpoints"]] == [True]
    debugger.ask("configurationDone")
    kernel.client.execute(CELL)
    thread = debugger.stopped()
    (top, *_) = debugger.ask("stackTrace", threadId=thread)["stackFrames"]
    assert top["line"] == 2
    debugger.ask("continue", threadId=thread)
    assert kernel.client.get_shell_msg(timeout=HANGS)["content"]["status"] == "ok"
