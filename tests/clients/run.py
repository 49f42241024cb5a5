#!/usr/bin/env python3
"""Runs clients that others wrote against `mista exchange`, each against an exchange of its own.

    python3 tests/clients/run.py --mista target/debug/mista [--only NAME]... [--no-install] [--loopback]

Their packages go below `--environments` (default: target/clients), one environment for each row of CLIENTS. Prints
PASS and FAIL lines; exits with 1 if one failed. Needs Python 3.11, openssl, and for the JavaScript clients Node 20.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Environment and script. Python environments are requirements/NAME.txt; `node` is package.json.
CLIENTS = {
    "ccxt": ("ccxt", "ccxt_python.py"),
    "python-binance": ("python-binance", "python_binance.py"),
    "binance-connector": ("binance-connector", "spot_connector.py"),
    "binance-sdk-spot": ("binance-sdk-spot", "sdk_spot.py"),
    "unicorn": ("unicorn", "unicorns.py"),
    "nautilus": ("nautilus", "nautilus.py"),
    "small": ("small", "small.py"),
    "js-ccxt": ("node", "ccxt.js"),
    "js-binance": ("node", "binance.js"),
    "js-spot-sdk": ("node", "binance_spot.js"),
    "js-connector": ("node", "binance_connector.js"),
    "js-binance-api-node": ("node", "binance_api_node.js"),
    "js-node-binance-api": ("node", "node_binance_api.js"),
}
CLIENTS = {name: row for name, row in CLIENTS.items() if (HERE / row[1]).exists()}
# Longest that one client may take.
PATIENCE_S = 300


def install(environment, folder):
    """The interpreter of an environment, which is made if it is not there."""
    place = folder / environment
    if environment == "node":
        wanted = (HERE / "package.json").read_text()
        if not (place / "package.json").exists() or (place / "package.json").read_text() != wanted:
            place.mkdir(parents=True, exist_ok=True)
            (place / "package.json").write_text(wanted)
            subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=place, check=True)
        return "node"
    wanted = (HERE / "requirements" / f"{environment}.txt").read_text()
    mark = place / "installed.txt"
    if not mark.exists() or mark.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", HERE / "requirements" / f"{environment}.txt"], check=True)
        mark.write_text(wanted)
    return str(place / "bin" / "python")


def keys(folder):
    """Key pairs and a file of accounts; the variables that tell the scripts of them."""
    for name, options in (("ed25519", []), ("rsa", ["-pkeyopt", "rsa_keygen_bits:2048"])):
        private, public = folder / f"{name}.pem", folder / f"{name}.pub.pem"
        make = ["openssl", "genpkey", "-algorithm", name, *options, "-out", private]
        subprocess.run(make, check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    (folder / "accounts.yaml").write_text(
        "accounts:\n"
        "  - { key: stubkey, secret: stubsecret }\n"
        "  - { key: stubkey2, secret: stubsecret2 }\n"
        "  - { key: edkey, public_key_file: ed25519.pub.pem }\n"
        "  - { key: rsakey, public_key_file: rsa.pub.pem }\n"
    )
    return {
        "MISTA_KEY": "stubkey",
        "MISTA_SECRET": "stubsecret",
        "MISTA_ED25519_KEY": "edkey",
        "MISTA_ED25519_PEM": str(folder / "ed25519.pem"),
        "MISTA_RSA_KEY": "rsakey",
        "MISTA_RSA_PEM": str(folder / "rsa.pem"),
    }


def start(mista, folder):
    """An exchange on a free port, and what it says of itself."""
    data = [piece for name in ("BTCUSDT", "ETHUSDT") for piece in ("--data", ROOT / "data" / "5m" / f"{name}_5m.csv")]
    command = [mista, "exchange", "--port", "0", "--today", "--json", "--speed", "10", "--accounts", folder / "accounts.yaml"]
    log = open(folder / "exchange.log", "w")
    exchange = subprocess.Popen([*command, *data], stdout=subprocess.PIPE, stderr=log, text=True)
    line = exchange.stdout.readline()
    if not line:
        sys.exit(f"the exchange did not start: {(folder / 'exchange.log').read_text()}")
    return exchange, json.loads(line)


def run(name, interpreter, modules, mista, environment):
    """Whether a client passed all of its checks."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        variables = keys(folder)
        exchange, said = start(mista, folder)
        variables |= {"MISTA_REST": said["rest"], "MISTA_STREAMS": said["streams"]}
        variables |= {"MISTA_WS_API": said["ws_api"], "MISTA_CONTROL": said["control"]}
        # A proxy has no business between the two, and neither has a cache beside the sources.
        variables |= {"PYTHONDONTWRITEBYTECODE": "1", "NODE_PATH": str(modules), "NO_PROXY": "*"}
        try:
            script = HERE / CLIENTS[name][1]
            done = subprocess.run([interpreter, script], env={**os.environ, **variables}, cwd=folder, timeout=PATIENCE_S)
            return done.returncode == 0 and exchange.poll() is None
        except subprocess.TimeoutExpired:
            print(f"FAIL {name}: not done after {PATIENCE_S} s", flush=True)
            return False
        finally:
            exchange.send_signal(signal.SIGTERM)
            try:
                exchange.wait(10)
            except subprocess.TimeoutExpired:
                exchange.kill()
                print(f"FAIL {name}: the exchange did not stop within 10 s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mista", type=Path, default=ROOT / "target" / "debug" / "mista")
    parser.add_argument("--environments", type=Path, default=ROOT / "target" / "clients")
    parser.add_argument("--only", action="append", choices=list(CLIENTS))
    parser.add_argument("--no-install", action="store_true", help="the environments are as they should be")
    parser.add_argument("--loopback", action="store_true", help="in a network that has only loopback (Linux)")
    arguments = parser.parse_args()
    names = arguments.only or list(CLIENTS)
    folder = arguments.environments.resolve()
    interpreters = {}
    for name in names:
        environment = CLIENTS[name][0]
        if arguments.no_install:
            interpreters[name] = "node" if environment == "node" else str(folder / environment / "bin" / "python")
        else:
            interpreters[name] = install(environment, folder)
    if arguments.loopback:
        # The same again, where nothing outside can be reached.
        again = [sys.executable, str(Path(__file__).resolve()), "--no-install", "--environments", str(folder)]
        again += ["--mista", str(arguments.mista.resolve())] + [it for name in names for it in ("--only", name)]
        os.execvp("unshare", ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *again])
    if not shutil.which("openssl"):
        sys.exit("openssl is needed, to make keys")
    began = time.monotonic()
    passed = {name: run(name, interpreters[name], folder / "node" / "node_modules", arguments.mista.resolve(), folder) for name in names}
    for name, is_good in passed.items():
        print(f"{'PASS' if is_good else 'FAIL'} {name}")
    print(f"{sum(passed.values())} of {len(passed)} clients in {time.monotonic() - began:.0f} s")
    sys.exit(0 if all(passed.values()) else 1)


if __name__ == "__main__":
    main()
