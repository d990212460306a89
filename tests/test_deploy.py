"""The files under deploy/: they parse, agree with each other, and name what exists."""

import configparser
import re
import shlex
import shutil
import subprocess

import pytest
import typer
import yaml

from rapids_rap import cli
from rapids_rap.settings import load_config
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
UNITS = ("rapids-rap-nightly.service", "rapids-rap-nightly.timer", "rapids-rap-failed@.service")


def unit(name):
    """A unit as configparser reads it; keys that stand more than once are lists."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string((DEPLOY / name).read_text(encoding="utf-8"))
    return parser


def command_lines():
    """Every call of the command: systemd's, cron's, the container's."""
    cron = (DEPLOY / "rapids-rap-nightly.cron").read_text(encoding="utf-8")
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return {
        "service": shlex.split(unit("rapids-rap-nightly.service")["Service"]["ExecStart"])[1:],
        "cron": shlex.split(re.search(r"bin/rapids-rap (.*?) 2>>", cron)[1]),
        "compose": compose["services"]["nightly"]["command"],
    }


@pytest.mark.parametrize("place", ["service", "cron", "compose"])
def test_commands_and_options_exist(place):
    """Verb and options are the program's own, and the three places call it alike."""
    words = command_lines()[place]
    assert words == command_lines()["service"]
    program = typer.main.get_command(cli.app)
    at = next(i for i, word in enumerate(words) if not word.startswith("-"))
    known = {option for one in program.params for option in one.opts}
    assert set(words[:at]) <= known
    verb = program.commands[words[at]]
    options = {word for word in words[at + 1 :] if word.startswith("-")}
    assert options <= {option for one in verb.params for option in one.opts}
    assert words[words.index("--config") + 1] == "/etc/rapids-rap/rap.toml"


def test_the_example_configuration_loads():
    """Every key is known, and what it gives as the gates are the gates' defaults."""
    config = load_config(DEPLOY / "rap.toml")
    defaults = load_config(None).nightly.model_dump()
    own = config.nightly.model_dump()
    changed = {key for key in own if own[key] != defaults[key]}
    assert changed == {"root", "keep_days", "metrics"}


def test_what_is_written_may_be_written():
    """The service may write the root and the metrics' folder of the example, and nothing else."""
    config = load_config(DEPLOY / "rap.toml")
    service = unit("rapids-rap-nightly.service")["Service"]
    writable = {path.lstrip("-") for path in service["ReadWritePaths"].split()}
    assert writable == {config.nightly.root, config.nightly.metrics.rpartition("/")[0]}
    assert set(config.input.paths) <= set(service["ReadOnlyPaths"].split())
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    mounts = compose["services"]["nightly"]["volumes"]
    free = {m["target"] for m in mounts if m["type"] == "bind" and not m.get("read_only")}
    assert free == writable
    assert all(m["source"] == m["target"] for m in mounts if m["source"].startswith("/srv"))


def test_the_service_is_hardened_and_stops_safely():
    """What must not be lost in an edit: a safe stop, failures that are seen, a closed system."""
    service = unit("rapids-rap-nightly.service")
    wanted = {
        "Type": "oneshot",
        "KillSignal": "SIGTERM",
        "SuccessExitStatus": "143",
        "Restart": "no",
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
        "PrivateTmp": "yes",
        "ProtectHome": "yes",
        "CapabilityBoundingSet": "",
        "DevicePolicy": "closed",
        "TimeoutStopSec": "10min",
        "UMask": "0027",
    }
    assert wanted.items() <= dict(service["Service"]).items()
    assert service["Unit"]["OnFailure"] == "rapids-rap-failed@%n.service"
    timer = unit("rapids-rap-nightly.timer")["Timer"]
    assert timer["Persistent"] == "true"
    assert timer["RandomizedDelaySec"]


def test_the_container_gets_the_gpu_and_little_else():
    """One GPU, no network, no capabilities, a read-only system, time to stop."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    nightly = compose["services"]["nightly"]
    devices = nightly["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert (ROOT / nightly["build"]["dockerfile"]).is_file()
    assert nightly["network_mode"] == "none"
    assert nightly["cap_drop"] == ["ALL"]
    assert nightly["read_only"] is True
    assert nightly["stop_grace_period"] == "10m"
    assert nightly["restart"] == "no"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
def test_systemd_takes_the_units(tmp_path):
    """The units have, for systemd itself, no unknown key and no wrong value."""
    for name in UNITS:
        text = (DEPLOY / name).read_text(encoding="utf-8")
        # What it runs, who as and where need not be on this machine.
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M)
        text = re.sub(r"^(User|Group)=rap$", r"\1=root", text, flags=re.M)
        (tmp_path / name).write_text(text, encoding="utf-8")
    units = [tmp_path / name for name in UNITS[:2]] + [tmp_path / "rapids-rap-failed@x.service"]
    (tmp_path / "rapids-rap-failed@x.service").write_text(
        (tmp_path / UNITS[2]).read_text(encoding="utf-8"), encoding="utf-8"
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"},
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert not said
    assert done.returncode == 0, done.stderr
