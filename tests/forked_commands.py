"""Commands without the seconds in which each would import torch: forks of one process that has imported it.

`forked_commands` writes the programs `atlop` and `python`. They pass their arguments, folder, environment and streams
to that process, and end with the exit code of its fork.
"""

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

from atlop.cli import main as run_atlop

ROOT = Path(__file__).parents[1]
IMPORTED = ("atlop.experiments", "atlop.inference", "atlop.report", "transformers.models.bert.modeling_bert")
"""What takes seconds, and most commands need."""
CLIENT = """#!{python} -IS
import json, os, socket, sys
program, *arguments = sys.argv
if program.endswith("python") and not (arguments and arguments[0].endswith(".py")):
    os.execv({python!r}, [{python!r}, *arguments])
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
    connection.connect({address!r})
    request = {{"arguments": sys.argv, "folder": os.getcwd(), "environment": dict(os.environ)}}
    socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
    sys.exit(int(connection.recv(16) or b"1"))
"""


@contextmanager
def forked_commands(folder: Path, *, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield a folder with the programs; the process that forks has what it imports read `environment`."""
    address = str(folder / "socket")
    for name in ("atlop", "python"):
        program = folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(CLIENT.format(python=sys.executable, address=address), encoding="utf-8")
        program.chmod(0o755)
    command = [sys.executable, "-m", "tests.forked_commands", address]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield program.parent
        process.terminate()


def main(address: str) -> None:
    """Fork for each request."""
    for module in IMPORTED:
        import_module(module)

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for forks
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                code = _answer(connection)
                with suppress(BrokenPipeError):  # the client was stopped first
                    connection.send(str(code).encode())
                os._exit(0)
            connection.close()


def _answer(connection: socket.socket) -> int:
    """Run the command of a request with its streams; return its exit code."""
    message, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    request = json.loads(message)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww"))
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    threading.Thread(target=_end_with_client, args=(connection,), daemon=True).start()
    program, *arguments = request["arguments"]
    try:
        if program.endswith("atlop"):
            run_atlop(arguments)
        sys.argv = arguments
        sys.path[0] = str(Path(arguments[0]).parent)
        runpy.run_path(arguments[0], run_name="__main__")
        return 0
    except SystemExit as end:
        return int(end.code) if isinstance(end.code, int) else int(end.code is not None)  # a bool is an int
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _end_with_client(connection: socket.socket) -> None:
    """Ask the command to end when the program that stands for it has ended, as by a signal."""
    connection.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1])
