"""Kills workers, machines and programs in the middle of a search on a local Ray cluster, and compares the files with
those of one machine, byte for byte.

    pip install -r requirements.txt
    MISTA=target/release/mista python examples/cluster/test_ray.py -v
    ROUNDS=5 python examples/cluster/test_ray.py -v Lost.test_anything      # more random kills

The cluster is `ray start` on this machine: a head without CPUs and two nodes of one CPU, each with processes of its
own. Linux only. A few minutes on two cores; a search that is over before it can be killed fails a test: set SEARCH to
a longer one.
"""

import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MISTA = os.path.abspath(os.environ.get("MISTA", ROOT / "target" / "release" / "mista"))
SEARCH = shlex.split(os.environ.get("SEARCH", "strategies/breakout.rhai --end 2022-01-01"))
ROUNDS = int(os.environ.get("ROUNDS", "1"))
SHARDS = 4
LONG = 300          # seconds until something hangs
SHARD_FILES = {}    # of the first search that wrote them, by name

ENVIRONMENT = {
    **os.environ,
    "RAY_USAGE_STATS_ENABLED": "0",
    # Nobody else gets into the test's cluster.
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": uuid.uuid4().hex,
}


def setUpModule():
    global CLUSTER, FOLDER, ALONE
    FOLDER = Path(tempfile.mkdtemp(prefix="mista-ray-"))
    ALONE = FOLDER / "alone"
    # Where workers write if DIR is not theirs.
    ENVIRONMENT["TMPDIR"] = str(FOLDER / "workers")
    (FOLDER / "workers").mkdir()
    command = [MISTA, "optimize", *SEARCH, "--save-details", "--yes", "--quiet", "--out", str(ALONE)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=LONG)
    CLUSTER = Cluster(FOLDER / "ray")
    CLUSTER.start()


def tearDownModule():
    CLUSTER.stop()
    shutil.rmtree(FOLDER, ignore_errors=True)


# ------------------------------------------------------------------------------------------------------ processes

def parent(pid):
    """None if there is no such process any more."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, number = text.rpartition(")")[2].split()[:2]
    return None if state == "Z" else int(number)


def mistas(folder):
    """Programs that write below `folder`, and the shard of each: [(pid, "2of4")]."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if words[0] == MISTA and str(folder) in " ".join(words) and "--shard" in words:
            found.append((int(entry.name), words[words.index("--shard") + 1].replace("/", "of")))
    return found


def wait_for(what, condition, seconds=LONG):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")


def rows(path):
    """Whole trials in the file."""
    try:
        return max(path.read_bytes().count(b"\n") - 2, 0)
    except FileNotFoundError:
        return 0


class Cluster:
    """A head without CPUs, where the driver is, and two nodes of one."""

    def __init__(self, folder):
        self.folder = folder
        self.nodes = []
        folder.mkdir()

    def start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        port = self.address.split(":")[1]
        self.run("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false", f"--temp-dir={self.folder}")
        self.grow()

    def run(self, *options):
        """`ray start`, and waits until it is up: two at once get into each other's way on one machine."""
        log = self.folder / f"node_{len(self.nodes)}.log"
        ray = Path(sys.executable).with_name("ray")
        command = [ray, "start", "--block", "--node-ip-address=127.0.0.1", "--object-store-memory=80000000"]
        with open(log, "w") as output:
            node = subprocess.Popen(
                [*command, *options], env=ENVIRONMENT, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )
        self.nodes.append(node)
        wait_for(f"a Ray node; {log.read_text()}", lambda: "runtime started" in log.read_text() or node.poll(), 90)
        assert node.poll() is None, log.read_text()

    def grow(self):
        """Two nodes, whatever became of those before."""
        alive = sum(1 for node in self.nodes[1:] if node.poll() is None)
        for _ in range(alive, 2):
            self.run(f"--address={self.address}", "--num-cpus=1")

    def stop(self):
        for node in reversed(self.nodes):
            try:
                os.killpg(node.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            node.wait()


class Driver:
    """ray_optimize.py, running."""

    def __init__(self, folder, *options, search=SEARCH, shards=SHARDS, address=None):
        self.folder = folder
        self.log = folder.with_suffix(".log")
        command = [sys.executable, HERE / "ray_optimize.py", "--mista", MISTA, "--shards", str(shards)]
        command += ["--out", str(folder), "--address", address or CLUSTER.address, *options, "--", *search]
        with open(self.log, "w") as log, open(folder.with_suffix(".out"), "w") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=output, stderr=log,
                start_new_session=True,
            )

    def text(self):
        return self.log.read_text()

    def midway(self, folder=None, pattern="shards"):
        """Waits until a shard is in the middle: (its mista, its name, its file, trials in the file)."""
        folder = folder or self.folder

        def look():
            assert self.process.poll() is None, f"it ended before it could be disturbed\n{self.text()}"
            for pid, shard in mistas(folder):
                path = next(folder.glob(f"{pattern}/*_{shard}.trials"), None)
                if path and (count := rows(path)) >= 4 and parent(pid) is not None:
                    return pid, shard, path, count
            return None
        return wait_for("a shard in the middle", look)

    def wait(self):
        return self.process.wait(timeout=LONG)


class Lost(unittest.TestCase):
    def setUp(self):
        CLUSTER.grow()
        self.folder = FOLDER / self._testMethodName
        self.drivers = []

    def tearDown(self):
        for driver in self.drivers:
            if driver.process.poll() is None:
                driver.process.kill()
                driver.process.wait()

    def drive(self, *options, **more):
        driver = Driver(self.folder, *options, search=[*more.pop("search", SEARCH), "--save-details"], **more)
        self.drivers.append(driver)
        return driver

    def check_equal(self, driver):
        """The driver ends well, with the files of one machine."""
        self.assertEqual(driver.wait(), 0, driver.text())

        def files(folder):
            names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
            return sorted(name for name in names if name.parts[0] != "shards")

        self.assertEqual(files(self.folder), files(ALONE))
        self.assertEqual(len(files(ALONE)), 3)
        for name in files(ALONE):
            same = (self.folder / name).read_bytes() == (ALONE / name).read_bytes()
            self.assertTrue(same, f"{name} differs\n{driver.text()}")
        for path in (self.folder / "shards").iterdir():
            same = SHARD_FILES.setdefault(path.name, path.read_bytes()) == path.read_bytes()
            self.assertTrue(same, f"{path.name} is not what it was in another test\n{driver.text()}")
        self.assertEqual(mistas(self.folder), [])

    def check_goes_on(self, driver, path, count):
        """The file never has fewer trials than the lost worker had written."""
        least = count
        while driver.process.poll() is None:
            least = min(least, rows(path))
            time.sleep(0.02)
        self.assertEqual(least, count, "the shard began anew")
        self.assertGreater(rows(path), count, "it was not in the middle")

    def check_gone(self, pid):
        wait_for("mista to die with its worker", lambda: parent(pid) is None, 2)

    def test_nothing(self):
        self.check_equal(self.drive())

    def test_worker(self):
        driver = self.drive()
        pid, shard, path, _ = driver.midway()
        os.kill(parent(pid), signal.SIGKILL)
        self.check_gone(pid)
        self.check_goes_on(driver, path, rows(path))
        self.check_equal(driver)
        self.assertIn(f"shard {shard.replace('of', '/')}: its worker was lost", driver.text())

    def test_node(self):
        driver = self.drive()
        pid, shard, path, _ = driver.midway()
        raylet = parent(parent(pid))
        self.assertIn("raylet", Path(f"/proc/{raylet}/cmdline").read_text())
        os.kill(raylet, signal.SIGKILL)
        self.check_gone(pid)
        self.check_goes_on(driver, path, rows(path))
        self.check_equal(driver)
        self.assertIn(f"shard {shard.replace('of', '/')}: its worker was lost", driver.text())

    def test_mista(self):
        driver = self.drive()
        pid, shard, path, _ = driver.midway()
        os.kill(pid, signal.SIGKILL)
        self.check_gone(pid)
        self.check_goes_on(driver, path, rows(path))
        self.check_equal(driver)
        self.assertIn(f"shard {shard.replace('of', '/')}: mista was killed", driver.text())

    def test_mista_asked_to_stop(self):
        driver = self.drive()
        pid, shard, path, count = driver.midway()
        os.kill(pid, signal.SIGTERM)
        self.check_goes_on(driver, path, count)
        self.check_equal(driver)
        self.assertIn(f"shard {shard.replace('of', '/')}: mista was asked to stop", driver.text())

    def test_anything(self):
        """Workers and programs, at random moments."""
        seed = int(os.environ.get("SEED", random.randrange(10**6)))
        for number in range(ROUNDS):
            with self.subTest(seed=seed, round=number):
                chance = random.Random(seed + number)
                shutil.rmtree(self.folder, ignore_errors=True)
                driver = self.drive("--retries", "20")
                killed = 0
                while driver.process.poll() is None and killed < 6:
                    time.sleep(chance.uniform(0.2, 2.5))
                    if running := mistas(self.folder):
                        pid, _ = chance.choice(sorted(running))
                        target = chance.choice([pid, parent(pid)])
                        if target and target > 1:
                            os.kill(target, signal.SIGKILL)
                            killed += 1
                self.check_equal(driver)
                self.assertGreaterEqual(killed, 2)
                print(f"{killed} kills", end=" ", file=sys.stderr, flush=True)

    def test_orphan_holds_the_lock(self):
        """A mista that a lost machine left behind still writes the file: its shard waits, and goes on after it."""
        driver = self.drive(shards=2)
        pid, shard, path, _ = driver.midway()
        worker = parent(pid)
        # Its worker dies at once, it does not see that: the kernel's word reaches a stopped process only as a kill,
        # so another program plays the orphan. It takes the file over as soon as it is free.
        os.kill(worker, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        self.check_gone(pid)
        command = [MISTA, "optimize", *SEARCH, "--shard", shard.replace("of", "/"), "--threads", "1", "--resume"]
        orphan = subprocess.Popen([*command, "--yes", "--quiet", "--out", str(self.folder)], cwd=ROOT)
        there = rows(path)
        wait_for("the orphan to write", lambda: rows(path) > there or orphan.poll() is not None)
        self.assertIsNone(orphan.poll())
        os.kill(worker, signal.SIGKILL)
        wait_for("the wait for the lock", lambda: "still writes its file" in driver.text() or orphan.poll() is not None)
        self.assertIsNone(orphan.poll(), "it was over too soon")
        orphan.kill()
        orphan.wait()
        self.check_equal(driver)

    def test_interrupt(self):
        driver = self.drive()
        pid, _, path, count = driver.midway()
        os.killpg(driver.process.pid, signal.SIGINT)
        self.assertEqual(driver.wait(), 130, driver.text())
        self.assertIn("The same command goes on", driver.text())
        self.assertNotIn("Traceback", driver.text())
        self.check_gone(pid)
        self.assertEqual(mistas(self.folder), [])
        self.assertGreaterEqual(rows(path), count)
        again = self.drive()
        self.check_goes_on(again, path, rows(path))
        self.check_equal(again)

    def test_driver_killed(self):
        driver = self.drive()
        _, _, path, _ = driver.midway()
        driver.process.kill()
        driver.process.wait()
        wait_for("mista to die with the driver", lambda: not mistas(self.folder), 60)
        again = self.drive()
        self.check_goes_on(again, path, rows(path))
        self.check_equal(again)

    def test_no_shared_folder(self):
        driver = self.drive("--no-shared-folder")
        pid, shard, _, _ = driver.midway(FOLDER / "workers", "*/*/shards")
        self.assertEqual(mistas(self.folder), [])
        os.kill(parent(pid), signal.SIGKILL)
        self.check_gone(pid)
        self.check_equal(driver)
        self.assertIn(f"shard {shard.replace('of', '/')}: its worker was lost", driver.text())
        self.assertEqual(list((FOLDER / "workers").glob("mista*")), [])

    def test_no_shared_folder_again(self):
        """What came back is kept, and not computed again."""
        self.check_equal(self.drive("--no-shared-folder"))
        lost, edited, *_ = sorted((self.folder / "shards").iterdir())
        there = lost.read_bytes()
        lost.unlink()
        head, last = edited.read_bytes()[:-1].rsplit(b"\n", 1)
        edited.write_bytes(head + b"\n" + last.replace(b",1e4,", b",2e4,") + b"\n")
        text = edited.read_bytes()
        driver = self.drive("--no-shared-folder")
        self.assertEqual(driver.wait(), 0, driver.text())
        self.assertEqual(lost.read_bytes(), there)
        self.assertEqual(edited.read_bytes(), text)

    def test_local(self):
        self.check_equal(self.drive(address="local"))

    def test_wrong(self):
        """What is wrong with the search is said once, in mista's words, and not tried again."""
        cases = [
            (["strategies/breakout.rhai", "--metric", "luck"], 2, "luck"),
            (["strategies/nothing.rhai"], 3, "nothing.rhai"),
            (["strategies/breakout.rhai", "--data", "README.md"], 4, "README.md"),
        ]
        for search, code, word in cases:
            with self.subTest(search=search):
                driver = self.drive(search=search)
                self.assertEqual(driver.wait(), code, driver.text())
                self.assertEqual(len(re.findall("error:|×", driver.text())), 1, driver.text())
                self.assertIn(word, driver.text())
                self.assertNotIn("tried again", driver.text())
                self.assertNotIn("Traceback", driver.text())
        self.assertFalse((self.folder / "shards").exists())

    def test_no_cluster(self):
        driver = self.drive(address="127.0.0.1:1")
        self.assertEqual(driver.wait(), 1)
        self.assertIn("cannot use the Ray cluster 127.0.0.1:1", driver.text())
        self.assertNotIn("Traceback", driver.text())

    def test_another_search(self):
        """Shards of another search are not written over, and it is said what to do."""
        self.assertEqual(self.drive(search=["strategies/breakout.rhai", "--end", "2018-01-01"]).wait(), 0)
        driver = self.drive()
        self.assertEqual(driver.wait(), 1)
        self.assertIn("the period differs", driver.text())
        self.assertIn("choose another --out", driver.text())


if __name__ == "__main__":
    if not os.access(MISTA, os.X_OK):
        sys.exit(f"{MISTA}: there is no such program; set MISTA")
    unittest.main()
