#!/usr/bin/env python3
"""Run `mista optimize` in shards on a Ray cluster, and merge them: the files are those of one machine, byte for byte.

    python ray_optimize.py --shards 8 -- strategies/breakout.rhai --end 2022-01-01

README.md beside this file says what the machines need and what happens when one is lost.
"""

import argparse
import contextlib
import logging
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

# Exit codes of mista (README.md of the repository).
FAILED, USAGE, STOPPED = 1, 2, 130
WRONG = (2, 3, 4)           # settings, script, candles: every other try would end the same way
CANNOT_RUN = 127            # our own, of LEASH

# What mista says, on standard output and standard error.
WRITTEN = re.compile(r"^shard \d+/\d+ written to (.+)$")
PROGRESS = re.compile(r"^([\d,]+) of ([\d,]+) trials")
LOCKED = "another mista is writing it"
FOREIGN = "it is of another search"

OURS = ("--shard", "--out", "--threads", "--resume", "--all")
OF_MERGE = ("--save-details", "--json", "--quiet", "-q", "--verbose", "-v")

# Becomes mista, after asking the kernel to kill it when the Ray worker dies, however that happens: an orphan would
# keep the shard's file locked. Linux only; elsewhere an orphan runs on and the next try waits for it. A process
# of its own and no preexec_fn, which may deadlock in a worker full of threads.
LEASH = f"""
import ctypes, os, signal, sys
worker, program = int(sys.argv[1]), sys.argv[2:]
try:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)      # PR_SET_PDEATHSIG
except (OSError, AttributeError):
    pass
if os.getppid() != worker:                          # it died before the kernel was asked
    os._exit({STOPPED})
signal.pthread_sigmask(signal.SIG_SETMASK, [])      # Ray blocks Ctrl-C in its workers
try:
    os.execvp(program[0], program)
except OSError as error:
    print(f"error: cannot run {{program[0]}}: {{error.strerror}}", file=sys.stderr, flush=True)
    os._exit({CANNOT_RUN})
"""


# ------------------------------------------------------------------------------------------------ on the workers

@dataclass
class Search:
    """What all shards have in common."""
    name: str               # of this run of the driver
    mista: str
    arguments: list         # of `mista optimize`
    shards: int
    threads: int
    workdir: str
    out: str
    shared: bool            # every machine has `out`
    patience: float         # seconds to wait for a locked file


@dataclass
class Ended:
    """How a try at a shard ended."""
    code: int
    host: str
    text: str               # what mista said on standard error
    path: str = ""          # the shard's file
    trials: int = 0
    content: bytes = None   # the file, where the folder is not shared


class Board:
    """Where workers say how far they are. The driver looks now and then."""

    def __init__(self):
        self.news = []

    def say(self, *news):
        self.news.append(news)

    def take(self):
        news, self.news = self.news, []
        return news


def run_shard(search, index, attempt, begun, board):
    """A shard, from where its file ends to its last trial. `begun`: files to start from, by their name."""
    host = socket.gethostname()
    board.say.remote(index, attempt, "started", host)
    if search.shared:
        return try_shard(search, index, attempt, search.out, board, host)
    # The same folder whenever this shard comes to this machine again.
    out = Path(tempfile.gettempdir(), f"mista-{search.name}", f"{index}of{search.shards}")
    try:
        (out / "shards").mkdir(parents=True, exist_ok=True)
        for name, content in begun.items():
            path = out / "shards" / name
            if not path.exists():
                path.write_bytes(content)
        ended = try_shard(search, index, attempt, str(out), board, host)
        if ended.code == 0:
            ended.content = Path(ended.path).read_bytes()
        return ended
    finally:
        shutil.rmtree(out, ignore_errors=True)
        with contextlib.suppress(OSError):      # another shard is there
            out.parent.rmdir()


def try_shard(search, index, attempt, out, board, host):
    command = [sys.executable, "-I", "-S", "-c", LEASH, str(os.getpid()), search.mista, "optimize"]
    command += search.arguments
    command += ["--shard", f"{index}/{search.shards}", "--threads", str(search.threads)]
    command += ["--out", out, "--resume", "--yes"]

    def progress(line):
        if found := PROGRESS.match(line):
            done, all_trials = (int(number.replace(",", "")) for number in found.groups())
            board.say.remote(index, attempt, "progress", (done, all_trials))

    until = time.monotonic() + search.patience
    while True:
        try:
            code, printed, text = run_child(command, search.workdir, progress)
        except OSError as error:            # no such folder
            return Ended(CANNOT_RUN, host, f"error: {search.workdir}: {error.strerror}")
        # A mista of a worker that was lost may still be writing: on another machine, which was cut off and has
        # not noticed, or under a file server that has not noticed its end.
        if code == FAILED and LOCKED in text and time.monotonic() < until:
            board.say.remote(index, attempt, "locked", host)
            time.sleep(2)
            continue
        ended = Ended(code, host, text)
        if code == 0:
            ended.path = next((found[1] for found in map(WRITTEN.match, printed.splitlines()) if found), "")
            if ended.path:
                with open(ended.path, "rb") as file:
                    ended.trials = sum(1 for _ in file) - 2
        return ended


def run_child(command, workdir, progress):
    """Runs a program to its end, or stops it when this task is cancelled. (exit code, output, errors)"""
    lines = queue.Queue()

    def pump(name, stream):
        with stream:
            for line in stream:
                lines.put((name, line))
        lines.put((name, None))

    child = subprocess.Popen(
        command, cwd=workdir, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, encoding="utf-8", errors="replace", start_new_session=True,
    )
    texts = {"out": [], "err": []}
    try:
        for name, stream in (("out", child.stdout), ("err", child.stderr)):
            threading.Thread(target=pump, args=(name, stream), daemon=True).start()
        open_streams = 2
        while open_streams:
            try:
                # Cancelling raises KeyboardInterrupt here, between two waits.
                name, line = lines.get(timeout=0.2)
            except queue.Empty:
                continue
            if line is None:
                open_streams -= 1
            elif name == "err" and PROGRESS.match(line):
                progress(line)
            else:
                texts[name].append(line)
        return child.wait(), "".join(texts["out"]), "".join(texts["err"])
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


# ------------------------------------------------------------------------------------------------- on the driver

class Failure(Exception):
    """Ends the driver with a message and an exit code."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class Screen:
    """Standard error: lines that stay, and a last one that says how far it is."""

    EVERY = 10.0            # seconds between two of those where there is no terminal to redraw

    def __init__(self, quiet):
        self.quiet = quiet
        self.live = sys.stderr.isatty()
        self.drawn = time.monotonic()
        self.standing = False

    def clear(self):
        if self.standing:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.standing = False

    def say(self, text, always=False):
        if always or not self.quiet:
            self.clear()
            print(text, file=sys.stderr, flush=True)

    def status(self, text):
        if self.quiet:
            return
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)
            self.standing = True
        elif time.monotonic() - self.drawn >= self.EVERY:
            self.say(text)
            self.drawn = time.monotonic()


class Driver:
    def __init__(self, ray, search, cpus, retries, screen):
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.ray = ray
        self.search = search
        self.retries = retries
        self.screen = screen
        self.task = ray.remote(num_cpus=cpus, max_retries=retries)(run_shard)
        # Beside the driver: a board that is lost with a worker would take the news along.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.board = ray.remote(Board).options(num_cpus=0, scheduling_strategy=here).remote()
        self.running = {}           # index by reference
        self.attempts = {}          # by index: how often this driver has sent the shard off
        self.started = set()        # (index, attempt) that have begun on some worker
        self.said = {}              # by index: why the last try failed
        self.trials = {}            # by index: (done, all)
        self.files = {}             # by index: the finished shard
        self.failed = {}            # by index: why it was given up
        self.begin = time.monotonic()

    def name(self, index):
        return f"shard {index}/{self.search.shards}"

    def send(self, index):
        begun = {}
        if not self.search.shared:
            for path in Path(self.search.out, "shards").glob(f"*_{index}of{self.search.shards}.trials"):
                begun[path.name] = path.read_bytes()
        attempt = self.attempts[index] = self.attempts.get(index, 0) + 1
        task = self.task.options(name=self.name(index))
        self.running[task.remote(self.search, index, attempt, begun, self.board)] = index

    def run(self):
        """All shards; their files, in order."""
        try:
            for index in range(1, self.search.shards + 1):
                self.send(index)
            while self.running:
                ended, _ = self.ray.wait(list(self.running), timeout=1.0)
                self.read_board()
                for reference in ended:
                    self.receive(reference)
                self.status()
        except BaseException:
            self.screen.clear()
            self.cancel()
            raise
        self.screen.clear()
        if self.failed:
            text = "\n".join(f"{self.name(index)} failed: {why}" for index, why in sorted(self.failed.items()))
            raise Failure(FAILED, f"{text}\n{self.how_to_go_on()}")
        return [self.files[index] for index in sorted(self.files)]

    def read_board(self):
        for index, attempt, what, value in self.ray.get(self.board.take.remote()):
            if attempt != self.attempts[index]:
                continue
            if what == "progress":
                self.trials[index] = value
            elif what == "locked":
                self.screen.say(f"{self.name(index)}: waits on {value} for the mista that still writes its file")
            elif (index, attempt) in self.started:
                self.screen.say(f"{self.name(index)}: its worker was lost; it goes on on {value}")
            else:
                self.started.add((index, attempt))

    def receive(self, reference):
        index = self.running.pop(reference)
        try:
            ended = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            task_error = isinstance(error, self.ray.exceptions.RayTaskError)
            self.failed[index] = lines[-1] if task_error else lines[0]
            self.screen.say(f"{self.name(index)}: given up: {self.failed[index]}")
            return
        if ended.code == 0:
            self.keep(index, ended)
        elif ended.code in WRONG:
            raise Failure(ended.code, f"{ended.text.rstrip()}\n(said to {self.name(index)} on {ended.host})")
        elif ended.code == CANNOT_RUN:
            raise Failure(USAGE, f"{ended.text.rstrip()}\n({self.name(index)} on {ended.host})")
        else:
            self.again(index, ended)

    def keep(self, index, ended):
        """The file of a finished shard is here, or is put here."""
        path = Path(ended.path)
        if not ended.path:
            raise Failure(FAILED, f"{self.name(index)}: {self.search.mista} did not say where it wrote it")
        if not self.search.shared:
            path = Path(self.search.out, "shards", path.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.part")
            part.write_bytes(ended.content)
            part.replace(path)
        # A network file system may take some seconds to show what another machine wrote.
        until = time.monotonic() + 10
        while not path.exists():
            if time.monotonic() > until:
                text = f"{path}: {ended.host} wrote it, and it is not here. Is the folder on every machine? "
                raise Failure(USAGE, f"{text}--no-shared-folder does without.")
            time.sleep(0.5)
        self.files[index] = str(path)
        self.trials[index] = (ended.trials, ended.trials)
        self.screen.say(f"{self.name(index)}: done on {ended.host}, {ended.trials:,} trials")

    def again(self, index, ended):
        """mista ended before the shard did: another try, if that may help."""
        text = ended.text.rstrip()
        if ended.code < 0:
            why = f"mista was killed on {ended.host} by {signal.Signals(-ended.code).name}"
        elif ended.code == STOPPED:
            why = f"mista was asked to stop on {ended.host}"
        else:
            why = text or f"mista ended with code {ended.code} on {ended.host}"
        # A failure that repeats itself word for word will not go away.
        if ended.code == FAILED and self.said.get(index) == why or FOREIGN in text:
            if FOREIGN in text:
                why += "\nThe driver always says --resume: remove that file here, or choose another --out."
        elif self.attempts[index] <= self.retries:
            self.said[index] = why
            self.screen.say(f"{self.name(index)}: {why}; it is tried again")
            self.send(index)
            return
        self.failed[index] = why
        self.screen.say(f"{self.name(index)}: given up: {why}")

    def status(self):
        search, seconds = self.search, int(time.monotonic() - self.begin)
        text = f"{len(self.files)} of {search.shards} shards"
        if self.trials:
            done = sum(done for done, _ in self.trials.values())
            # Shards differ by a trial at most.
            all_trials = search.shards * sum(all for _, all in self.trials.values()) / len(self.trials)
            text += f", {100 * done / max(all_trials, 1):.0f} % of the trials"
        self.screen.status(f"{text}, {seconds // 60}:{seconds % 60:02}")

    def cancel(self):
        """Ends what runs. The workers stop their mista."""
        references = list(self.running)
        try:
            for reference in references:
                self.ray.cancel(reference)
            if references:
                _, left = self.ray.wait(references, num_returns=len(references), timeout=15)
                for reference in left:
                    self.ray.cancel(reference, force=True)
        except self.ray.exceptions.RayError:
            pass                    # the cluster is gone, and they with it

    def how_to_go_on(self):
        kept = "all trials that are written" if self.search.shared else "the shards that are done"
        return f"{len(self.files)} of {self.search.shards} shards are done. The same command goes on with {kept}."


def connect(ray, arguments):
    """Joins a cluster, or starts one of this machine."""
    options = {"log_to_driver": False, "logging_level": logging.ERROR}
    if arguments.address == "local":
        options |= {"include_dashboard": False, "object_store_memory": 200_000_000}
    else:
        # Ray itself tries for a quarter of an hour.
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")
    try:
        host, _, port = arguments.address.rpartition(":")
        if host:
            socket.create_connection((host, int(port)), timeout=20).close()
        ray.init(address=arguments.address, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise Failure(FAILED, f"cannot use the Ray cluster {arguments.address}: {error}") from None
    sizes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    if arguments.address == "local" and max(sizes) < arguments.cpus_per_shard:
        raise Failure(USAGE, f"--cpus-per-shard {arguments.cpus_per_shard}: this machine has {max(sizes):.0f}")
    return sizes


def parse(argv):
    split = argv.index("--") if "--" in argv else len(argv)
    own, passed = argv[:split], argv[split + 1:]
    parser = argparse.ArgumentParser(
        usage="%(prog)s --shards N [options] -- SCRIPT [options of mista optimize]",
        description="Run `mista optimize` in shards on a Ray cluster and merge them: the files are those of one "
        "machine, byte for byte. A shard whose worker or machine is lost goes on elsewhere.",
        epilog="After `--` comes what `mista optimize` gets, in the words of `mista optimize --help`. The driver adds "
        "--shard, --threads, --out, --resume and --yes; it gives --save-details, --json, --quiet and --verbose to the "
        "merge. Exit codes: 0 done; 1 a shard or the merge failed; 2, 3, 4 what mista says about settings, script "
        "or candles; 130 Ctrl-C.",
    )
    add = parser.add_argument
    add("--shards", metavar="N", type=int, required=True, help="how many parts; some more than run at once")
    add("--out", metavar="DIR", default="results/optimize", help="folder of the results [%(default)s]")
    add("--mista", metavar="PATH", default="mista", help="the program, the same on every machine [%(default)s]")
    add("--workdir", metavar="DIR", default=".", help="folder mista runs in, on every machine: scripts, candles and "
        "grids are looked for from here [where the driver was started]")
    add("--address", default=os.environ.get("RAY_ADDRESS") or "local", help="of a Ray cluster such as 10.0.0.5:6379, "
        "or auto, or local: one of this machine's cores [RAY_ADDRESS, or else local]")
    add("--cpus-per-shard", metavar="N", type=int, default=1, help="threads of a shard, and the CPUs Ray sets aside "
        "for it [%(default)s]")
    add("--retries", metavar="N", type=int, default=5, help="how often a shard may lose its worker, and how often its "
        "mista [%(default)s]")
    add("--no-shared-folder", action="store_true", help="DIR is on this machine only: shards are sent here when they "
        "are done, and begin anew when a machine is lost")
    add("--lock-wait", metavar="SECONDS", type=float, default=600.0, help="how long a shard waits for a lost mista to "
        "let go of its file [%(default)g]")
    arguments = parser.parse_args(own)
    for name in ("shards", "cpus_per_shard"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')} begins at 1")
    if arguments.retries < 0:
        parser.error("--retries begins at 0")
    if not passed:
        parser.error("after `--` name the script, such as: --shards 8 -- strategies/breakout.rhai")
    if arguments.address.startswith("ray://"):
        parser.error("run the driver on a machine of the cluster, with `ray job submit` for one, not over ray://")
    for argument in passed:
        if argument.split("=")[0] == "--all":
            parser.error("--all has no shards: run the driver once for each strategy and symbol")
        if argument.split("=")[0] in OURS:
            parser.error(f"{argument} is for the driver to say: leave it out after `--`")
    arguments.for_merge = [argument for argument in passed if argument in OF_MERGE]
    arguments.passed = [argument for argument in passed if argument not in (*OF_MERGE, "--yes", "-y")]
    arguments.quiet = any(argument in ("--quiet", "-q") for argument in passed)
    arguments.out = os.path.abspath(arguments.out)
    arguments.workdir = os.path.abspath(arguments.workdir)
    if os.sep in arguments.mista:
        arguments.mista = os.path.abspath(arguments.mista)
    if shutil.which(arguments.mista) is None:
        parser.error(f"--mista {arguments.mista}: there is no such program here, and the merge needs it")
    return arguments


def optimize(arguments):
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")       # before the import
    import ray

    screen = Screen(arguments.quiet)
    search = Search(
        name=uuid.uuid4().hex[:12], mista=arguments.mista, arguments=arguments.passed, shards=arguments.shards,
        threads=arguments.cpus_per_shard, workdir=arguments.workdir, out=arguments.out,
        shared=not arguments.no_shared_folder, patience=arguments.lock_wait,
    )
    driver = None
    try:
        sizes = connect(ray, arguments)
        # Ray has put its own there.
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        machines = sum(1 for size in sizes if size)
        at_once = int(sum(size // arguments.cpus_per_shard for size in sizes))
        s = "" if machines == 1 else "s"
        screen.say(f"{search.shards} shards on {machines} machine{s}, {at_once} at once")
        if at_once == 0:
            screen.say(f"no machine has {arguments.cpus_per_shard} CPUs: waiting for one", always=True)
        driver = Driver(ray, search, arguments.cpus_per_shard, arguments.retries, screen)
        files = driver.run()
    except KeyboardInterrupt:
        screen.clear()
        raise Failure(STOPPED, f"stopped: {driver.how_to_go_on()}" if driver else "stopped") from None
    except ray.exceptions.RayError as error:
        raise Failure(FAILED, f"the cluster is lost: {str(error).splitlines()[0]}") from None
    finally:
        ray.shutdown()
    merge = [arguments.mista, "optimize", "merge", *files, "--out", arguments.out, *arguments.for_merge]
    code = subprocess.run(merge, cwd=arguments.workdir, check=False).returncode
    return code if code >= 0 else FAILED


def main():
    arguments = parse(sys.argv[1:])
    try:
        return optimize(arguments)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:
        return STOPPED


if __name__ == "__main__":
    sys.exit(main())
