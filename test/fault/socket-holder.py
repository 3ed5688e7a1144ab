"""Holds a listening Unix socket as systemd does, and keeps one daemon running on it (sd_listen_fds(3)).

usage: socket-holder.py SOCKET COMMAND...

The daemon gets the socket as descriptor 3 and is started again at once when it ends, however that was. A signal's name
on a line of standard input is sent to it. Each end is a line on standard output: `exit N` or the signal's name. The
end of standard input ends both.
"""

import os
import signal
import socket
import sys
import threading


def start(listener: socket.socket, command: list[str]) -> int:
    pid = os.fork()
    if pid != 0:
        return pid
    os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="lmtp", LISTEN_PID=str(os.getpid()))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.execvp(command[0], command)


def obey(current: list[int]) -> None:
    for line in sys.stdin:
        os.kill(current[0], signal.Signals[line.strip()])
    os.kill(current[0], signal.SIGKILL)
    os._exit(0)


def main() -> None:
    path, *command = sys.argv[1:]
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(511)
    current = [start(listener, command)]
    threading.Thread(target=obey, args=(current,), daemon=True).start()
    while True:
        status = os.waitpid(current[0], 0)[1]
        current[0] = start(listener, command)
        code = os.waitstatus_to_exitcode(status)
        print(f"exit {code}" if code >= 0 else signal.Signals(-code).name, flush=True)


main()
