"""Attempts to get out: network, engine, privileges, devices, and paths outside the checkout."""

from curate.builders.model import Outcome, RunResult, RunStatus
from tests.hostile.case import TESTS, Case

PROBES = r"""
import ctypes, errno, glob, os, shutil, signal, socket, stat, subprocess
import pytest

LIBC = ctypes.CDLL(None, use_errno=True)

def refused(*command):
    done = subprocess.run(command, capture_output=True, timeout=20, check=False)
    return done.returncode != 0

@pytest.mark.parametrize("address", ["1.1.1.1", "169.254.169.254", "172.17.0.1", "10.0.0.1"])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_no_address_is_reached(address, kind):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(2)
        with pytest.raises(OSError): sock.connect((address, 53))
def test_no_name_is_resolved():
    with pytest.raises(OSError): socket.getaddrinfo("example.org", 80)
def test_no_interface_but_loopback():
    assert [name for _, name in socket.if_nameindex() if name != "lo" and os.path.exists(
        "/sys/class/net/%s/device" % name)] == []
@pytest.mark.parametrize("kind", ["raw", "packet"])
def test_no_raw_socket(kind):
    with pytest.raises(PermissionError):
        if kind == "raw": socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        else: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)
def test_no_abstract_socket_of_the_host():
    lines = open("/proc/net/unix").read().splitlines()[1:]
    assert not [line for line in lines if "containerd" in line or "docker" in line]

@pytest.mark.parametrize("path", ["/var/run/docker.sock", "/run/docker.sock",
    "/run/podman/podman.sock", "/run/containerd/containerd.sock", "/var/lib/docker",
    "/var/lib/containers", "/host", "/proc/kcore_"])
def test_nothing_of_the_engine(path):
    assert not os.path.exists(path)
def test_nothing_of_the_host_is_mounted():
    kinds = {line.split()[-3] for line in open("/proc/self/mountinfo")}
    where = {line.split()[4] for line in open("/proc/self/mountinfo") if " / /dev/" not in line}
    assert not [path for path in where if path.startswith(("/home", "/root", "/work", "/mnt"))]

def test_root_is_not_had_by_setuid():
    shutil.copy("/usr/bin/id", "/tmp/id")
    os.chmod("/tmp/id", 0o6755)
    for path in ["/tmp/id", *glob.glob("/bin/su"), *glob.glob("/usr/bin/passwd")]:
        code = "import os; os.execv(%r, [%r, '--help' if 'id' not in %r else '-u'])" % ((path,) * 3)
        done = subprocess.run(["python", "-c", code], capture_output=True, timeout=20, check=False)
        assert done.stdout.strip() != b"0"
    status = open("/proc/self/status").read()
    assert "NoNewPrivs:\t1" in status and "CapBnd:\t0000000000000000" in status
def test_root_is_not_had_by_su():
    assert refused("su", "-c", "id") and refused("setpriv", "--reuid=0", "id")
@pytest.mark.parametrize("call", [os.setuid, os.setgid, os.seteuid])
def test_identity_is_kept(call):
    with pytest.raises(PermissionError): call(0)

def test_no_mount():
    assert LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None) == -1
    assert LIBC.umount2(b"/tmp", 2) == -1
def test_no_device_is_made_or_read():
    with pytest.raises(PermissionError): os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, 0xFE00)
    for path in ("/dev/mem", "/dev/kmem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/fuse"):
        with pytest.raises(OSError): open(path, "rb").read(1)
def test_no_other_root():
    with pytest.raises(PermissionError): os.chroot("/tmp")
@pytest.mark.parametrize("path", ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger",
    "/proc/sys/vm/drop_caches", "/sys/kernel/uevent_helper", "/sys/fs/cgroup/x",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/pids.max", "/etc/passwd", "/etc/ld.so.preload", "/usr/bin/x", "/curate/x",
    "/curate/in/run.sh", "/curate/in/plugin/curate_reporter.py"])
def test_system_is_not_written(path):
    with pytest.raises(OSError): open(path, "w").write("1")
def test_clock_is_not_set():
    import time
    with pytest.raises(PermissionError): time.clock_settime(time.CLOCK_REALTIME, 0)
def test_priority_is_not_raised():
    with pytest.raises(PermissionError): os.nice(-5)
def test_nobody_else_is_seen():
    others = [pid for pid in os.listdir("/proc") if pid.isdigit()]
    assert len(others) < 12
    for pid in others: assert b"dockerd" not in open("/proc/%s/cmdline" % pid, "rb").read()
def test_no_core_is_left():
    child = os.fork()
    if child == 0: os.kill(os.getpid(), signal.SIGSEGV)
    assert not os.WCOREDUMP(os.waitpid(child, 0)[1])
"""

# What Docker's filter of system calls refuses; Podman's lets it through.
KERNEL = r"""
import ctypes, errno, os
import pytest

LIBC = ctypes.CDLL(None, use_errno=True)

@pytest.mark.parametrize("flags", [0x10000000, 0x00020000, 0x40000000, 0x20000000, 0x08000000])
def test_no_namespace_of_its_own(flags):
    child = os.fork()
    if child == 0: os._exit(0 if LIBC.unshare(flags) == 0 else 1)
    assert os.waitpid(child, 0)[1] != 0
def test_kernel_is_not_asked():
    for number in (248, 249, 250, 321, 175, 169, 246, 310):  # keys, bpf, modules, reboot, kexec
        assert LIBC.syscall(number, 0, 0, 0, 0, 0) == -1
        assert ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EACCES), number
"""

LINK = """\
diff --git a/out b/out
new file mode 120000
--- /dev/null
+++ b/out
@@ -0,0 +1 @@
+/tmp
\\ No newline at end of file
"""


def _new_file(path: str) -> bytes:
    text = f"diff --git a/{path} b/{path}\nnew file mode 100755\n--- /dev/null\n+++ b/{path}\n"
    return f"{text}@@ -0,0 +1 @@\n+touch /tmp/curate-escaped\n".encode()


BAD_PATHS = {
    "above the checkout": _new_file("../escaped"),
    "far above the checkout": _new_file("a/../../../../../../tmp/curate-escaped"),
    "at an absolute path": _new_file("/tmp/curate-escaped"),
    "in a hook": _new_file(".git/hooks/post-checkout"),
    "in a hook by another case": _new_file(".GIT/hooks/post-checkout"),
    "in a hook of a module": _new_file("sub/.git/hooks/post-checkout"),
    "in the settings of git": _new_file(".git/config"),
    "through a link": LINK.encode() + _new_file("out/curate-escaped"),
}
BY_TWO = (LINK.encode(), _new_file("out/curate-escaped"))


def _all_passed(result: RunResult) -> bool:
    opened = [name for name, told in result.outcomes.items() if told is not Outcome.PASSED]
    assert not opened, opened
    return True


def _patch(name: str, *patches: bytes) -> Case:
    return Case(
        name=f"patches a file {name}",
        files={"test_x.py": TESTS},
        patches=patches,
        status=RunStatus.PATCH_FAILED,
        outcomes={},
    )


PATCHES = (
    *(_patch(name, text) for name, text in BAD_PATHS.items()),
    _patch("through a link of the patch before", *BY_TWO),
)

CASES = (
    Case(name="tries every door", files={"test_x.py": PROBES}, also=_all_passed),
    Case(name="asks the kernel", files={"test_x.py": KERNEL}, also=_all_passed, only="docker"),
    *PATCHES,
)
