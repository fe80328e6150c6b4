"""A network of two: this namespace, and a second one that ends with this program.

They are joined by two TUN devices, whose packets are carried from each to the other: not every
kernel has the virtual cables that would do the same.

    unshare --net python tests/browser/cable.py DESCRIPTOR    # the other end: what ``plugged`` runs
"""

import contextlib
import fcntl
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator

HERE, THERE = "10.77.0.1", "10.77.0.2"
SET_INTERFACE, TUN_WITHOUT_HEADER = 0x400454CA, 0x1001
LARGEST_PACKET = 65536


def open_tun(name: str, address: str) -> int:
    """The descriptor of a new interface in this namespace, which is up and has an address."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    wanted = struct.pack("16sH22x", name.encode(), TUN_WITHOUT_HEADER)
    fcntl.ioctl(descriptor, SET_INTERFACE, wanted)
    for command in (
        f"address add {address}/24 dev {name}",
        f"link set {name} up",
        "link set lo up",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    return descriptor


@contextlib.contextmanager
def plugged() -> Iterator[int]:
    """Our end is up at HERE. A process whose network namespace is that of THERE."""
    ours = open_tun("here", HERE)
    command = ["unshare", "--net", sys.executable, __file__, str(ours)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, pass_fds=[ours], **pipes) as other:
        try:
            assert other.stdout
            assert other.stdout.readline() == b"up\n"
            yield other.pid
        finally:
            other.kill()
            os.close(ours)


def carry(source: int, target: int) -> None:
    while True:
        os.write(target, os.read(source, LARGEST_PACKET))


def end_with_parent() -> None:
    os.read(0, 1)  # its end of this pipe is closed when it ends, however that is
    os._exit(0)


def main() -> None:
    far = int(sys.argv[1])
    near = open_tun("there", THERE)
    print("up", flush=True)
    threading.Thread(target=end_with_parent, daemon=True).start()
    threading.Thread(target=carry, args=(near, far), daemon=True).start()
    carry(far, near)


if __name__ == "__main__":
    main()
