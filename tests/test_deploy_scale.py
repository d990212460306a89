"""The files for clusters under deploy/: parsed by their own schemas, and name what exists."""

import re
import shlex
import shutil
import subprocess
import zipfile

import pytest
import typer
import yaml

from rapids_rap import cli
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
SLURM = DEPLOY / "rapids-rap.slurm"
CRD = "dask_kubernetes/operator/deployment/helm/dask-kubernetes-operator/crds/daskcluster.yaml"
DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")  # ${NAME:-default}, which compose fills in first
SBATCH = re.compile(r"^#SBATCH (--[\w-]+)=\S+$", re.MULTILINE)


def compose():
    return yaml.safe_load((DEPLOY / "compose.scale.yaml").read_text(encoding="utf-8"))


def manifests():
    text = (DEPLOY / "dask-cluster.yaml").read_text(encoding="utf-8")
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def cluster_schema():
    """The operator's own schema of a DaskCluster, which refuses what it does not know."""
    wheels = sorted((ROOT / ".cache").glob("dask_kubernetes-*.whl"))
    if not wheels:
        pytest.skip("the operator's package is not in .cache: make test fetches it")
    with zipfile.ZipFile(wheels[-1]) as wheel:
        crd = yaml.load(wheel.read(CRD), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    (version,) = crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {}}
    return closed(schema)


def closed(schema):
    """Kubernetes drops what a schema does not name without a word; here it is an error."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema


def test_the_cluster_is_what_the_operator_takes(cluster_schema):
    """Every field of the DaskCluster is known, and of its kind."""
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(cluster_schema)
    wrong = manifests()["DaskCluster"]
    assert not list(validator.iter_errors(wrong))
    wrong["spec"]["worker"]["spec"]["containers"][0]["comand"] = ["dask"]
    assert list(validator.iter_errors(wrong))


def test_the_job_is_a_pod_that_kubernetes_takes(cluster_schema):
    """The operator's schema holds Kubernetes' own of a pod."""
    jsonschema = pytest.importorskip("jsonschema")
    pod = cluster_schema["properties"]["spec"]["properties"]["worker"]["properties"]["spec"]
    own = manifests()["Job"]["spec"]["template"]["spec"]
    assert not list(jsonschema.Draft202012Validator(pod).iter_errors(own))


def test_pods_agree_on_storage_labels_and_the_schedulers_name():
    """The job finds the scheduler and everybody sees the same folder; others reach neither."""
    found = manifests()
    cluster, job = found["DaskCluster"], found["Job"]
    name = cluster["metadata"]["name"]
    worker = cluster["spec"]["worker"]["spec"]
    run = job["spec"]["template"]["spec"]
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for pod in (worker, run)
        for volume in pod["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {found["PersistentVolumeClaim"]["metadata"]["name"]}
    assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteMany"]
    places = [pod["containers"][0]["volumeMounts"] for pod in (worker, run)]
    assert places[0] == places[1]
    service = cluster["spec"]["scheduler"]["service"]
    assert service["selector"]["dask.org/cluster-name"] == name
    assert f"tcp://{name}-scheduler:8786" in run["containers"][0]["args"]
    labels = job["spec"]["template"]["metadata"]["labels"]
    policy = found["NetworkPolicy"]["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    for pod in (worker, run, cluster["spec"]["scheduler"]["spec"]):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("name", ["compose.yaml", "compose.scale.yaml"])
def test_compose_files_are_what_compose_takes(name):
    """Parsed by an implementation of the Compose specification."""
    compose_spec = pytest.importorskip("compose_spec")
    text = DEFAULT.sub(r"\1", (DEPLOY / name).read_text(encoding="utf-8"))
    merged = yaml.safe_load(text)  # with its `<<` carried out
    parsed = compose_spec.PyCompose.from_yaml(yaml.safe_dump(merged))
    parsed.validate()
    parsed.to_spec()
    assert set(parsed.service_names()) == set(merged["services"])


def test_the_containers_of_the_cluster_are_closed_and_see_the_same_files():
    """A scheduler and two workers on a network of their own, the same paths for all who work."""
    services = compose()["services"]
    assert set(services) == {"scheduler", "worker-0", "worker-1", "run"}
    assert compose()["networks"] == {"dask": {"internal": True}}
    for service in services.values():
        assert service["networks"] == ["dask"]
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert "ports" not in service
    bound = [
        {m["target"]: m for m in services[name]["volumes"] if m["source"].startswith("/srv")}
        for name in ("worker-0", "worker-1", "run")
    ]
    assert bound[0] == bound[1] == bound[2]
    assert all(m["source"] == m["target"] for m in bound[0].values())
    own = [
        services[name]["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"]
        for name in ("worker-0", "worker-1")
    ]
    assert own == [["0"], ["1"]]


def words_of(command):
    return [str(word) for word in command]


def test_commands_of_the_cluster_exist():
    """What the run is called with are options of the program; what Dask's parts are, of Dask."""
    program = typer.main.get_command(cli.app)
    job = manifests()["Job"]["spec"]["template"]["spec"]["containers"][0]["args"]
    for words in (words_of(compose()["services"]["run"]["command"]), words_of(job)):
        verb = program.commands[words[1]]
        options = {word for word in words[2:] if word.startswith("-")}
        assert options <= {option for one in verb.params for option in one.opts}
    spec = manifests()["DaskCluster"]["spec"]
    services = compose()["services"]
    lines = SLURM.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    own = [shlex.split(line.rstrip("& ")) for line in lines if " -m dask " in line]
    calls = [
        *([str(w) for w in spec[role]["spec"]["containers"][0]["args"]] for role in spec),
        *(words_of(services[name]["command"]) for name in ("scheduler", "worker-0")),
        *(words[words.index("dask") + 1 :] for words in own),
    ]
    assert len(calls) == 6
    for call in calls:
        known = dask_options(call[0])
        assert {word for word in call if word.startswith("--")} <= known


def dask_options(part):
    pytest.importorskip("distributed")
    from distributed.cli import dask_scheduler, dask_worker

    command = {"scheduler": dask_scheduler, "worker": dask_worker}[part].main
    return {option for one in command.params for option in (*one.opts, *one.secondary_opts)}


def test_the_slurm_script_is_sound():
    """Bash parses it, shellcheck finds nothing, and what SLURM reads stands before any command."""
    subprocess.run(["bash", "-n", SLURM], check=True)
    text = SLURM.read_text(encoding="utf-8")
    head, _, body = text.partition("set -euo pipefail")
    assert {"--ntasks", "--mem-per-cpu", "--time", "--signal"} <= set(SBATCH.findall(head))
    assert "#SBATCH" not in body
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", SLURM], check=True)
