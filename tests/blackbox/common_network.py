# SPDX-License-Identifier: Apache-2.0
"""Machines for the black-box tests: network namespaces joined by a bridge, whose links can be cut,
muted, delayed and made lossy. All of it lives in a namespace of the test's own and is gone with it;
the network of this machine is never touched. Not a test itself."""

import ctypes
import os
import signal
import subprocess
import sys

from common_run import check
from common_zookeeper import die_with_parent

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
PREFIX = "10.77.0."


def run(*words, must=True):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    check(not must or done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}")
    return done.returncode == 0


def unshare(flags):
    if LIBC.unshare(flags) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def enter_own_network():
    """Moves this process into a network of its own. None, or why that is not permitted here."""
    user, group = os.getuid(), os.getgid()
    try:
        if user != 0:
            unshare(CLONE_NEWUSER | CLONE_NEWNET)
            for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"),
                               ("gid_map", f"0 {group} 1")):
                with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                    file.write(text)
        else:
            unshare(CLONE_NEWNET)
    except OSError as error:
        return f"network namespaces are not permitted: {error}"
    for words in (("ip", "link", "set", "lo", "up"),
                  ("ip", "link", "add", "switch", "type", "bridge"),
                  ("ip", "address", "add", PREFIX + "254/24", "dev", "switch"),
                  ("ip", "link", "set", "switch", "up")):
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except OSError as error:
            return f"{words[0]} cannot be run: {error}"
        if done.returncode != 0:
            return f"{' '.join(words)}: {done.stderr.strip()}"
    return None


class Machine:
    """A host of its own on the bridge. enter() moves a child of this process into it."""

    def __init__(self, number):
        self.number = number
        self.address = f"{PREFIX}{number}"
        self.link = f"port{number}"

        def begin():
            die_with_parent()
            unshare(CLONE_NEWNET)

        # A process that does nothing holds the namespace.
        self.anchor = subprocess.Popen([sys.executable, "-S", "-c", "import signal\nsignal.pause()"],
                                       stdin=subprocess.DEVNULL, preexec_fn=begin)
        self.file = f"/proc/{self.anchor.pid}/ns/net"
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns",
            str(self.anchor.pid))
        run("ip", "link", "set", self.link, "master", "switch", "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "address", "add", self.address + "/24", "dev", "eth0")
        self.inside("ip", "link", "set", "eth0", "up")

    def enter(self):
        fd = os.open(self.file, os.O_RDONLY | os.O_CLOEXEC)
        if LIBC.setns(fd, CLONE_NEWNET) != 0:
            os._exit(126)
        os.close(fd)

    def inside(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, preexec_fn=self.enter,
                              check=False)
        check(done.returncode == 0, f"{self.address}: {' '.join(words)}: {done.stderr.strip()}")

    def cut(self):
        """Nothing goes in or out."""
        run("ip", "link", "set", self.link, "down")

    def heal(self):
        run("ip", "link", "set", self.link, "up")

    def mute(self):
        """Everything comes in, nothing goes out."""
        for number in [*range(1, 10), 254]:
            if number != self.number:
                self.inside("ip", "route", "add", "blackhole", f"{PREFIX}{number}/32")

    def unmute(self):
        for number in [*range(1, 10), 254]:
            if number != self.number:
                self.inside("ip", "route", "del", "blackhole", f"{PREFIX}{number}/32")

    def disturb(self, *what):
        """tc netem on what goes to this machine: "delay", "20ms", … False: tc has no netem here."""
        return run("tc", "qdisc", "replace", "dev", self.link, "root", "netem", *what, must=False)

    def undisturb(self):
        run("tc", "qdisc", "del", "dev", self.link, "root", must=False)

    def end(self):
        self.anchor.send_signal(signal.SIGKILL)
        self.anchor.wait()
