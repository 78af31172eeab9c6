"""Names that must meet: labels, selectors, and ports of probes, Services and policies; and who may reach them."""

from collections.abc import Iterator

import pytest
import yaml

from config.gateway_settings import GatewaySettings
from config.variables.reading import read
from gateway.webhooks.handler import PATH
from tests.chart.chart_files import ORIGINAL_RULES
from tests.chart.rendering import CASES, SPACE, Document, container_of, list_kind, render, take, variables_of
from tests.sources import ROOT

pytestmark = pytest.mark.usefixtures("helm")


def labels_of(deployment: Document) -> dict[str, str]:
    labels: dict[str, str] = deployment["spec"]["template"]["metadata"]["labels"]
    return labels


def ports_of(deployment: Document) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container_of(deployment)["ports"]}


def select(documents: tuple[Document, ...], selector: dict[str, str]) -> list[Document]:
    """Give the Deployments whose pods a selector selects."""
    return [one for one in list_kind(documents, "Deployment") if selector.items() <= labels_of(one).items()]


def selectors(documents: tuple[Document, ...]) -> Iterator[tuple[str, dict[str, str], set[str | int]]]:
    """Give each selector with its object and with the names of ports that it expects of the pods."""
    for one in documents:
        spec, name = one.get("spec", {}), f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] == "Deployment":
            yield name, spec["selector"]["matchLabels"], set()
            for spread in spec["template"]["spec"]["topologySpreadConstraints"]:
                yield name, spread["labelSelector"]["matchLabels"], set()
        elif one["kind"] == "Service":
            yield name, spec["selector"], {port["targetPort"] for port in spec["ports"]}
        elif one["kind"] == "PodDisruptionBudget":
            yield name, spec["selector"]["matchLabels"], set()
        elif one["kind"] == "PodMonitor":
            yield name, spec["selector"]["matchLabels"], {end["port"] for end in spec["podMetricsEndpoints"]}
        elif one["kind"] == "NetworkPolicy":
            ports = {port["port"] for rule in spec["ingress"] for port in rule["ports"]}
            yield name, spec["podSelector"]["matchLabels"], ports


@pytest.mark.parametrize("case", CASES)
def test_each_selector_selects_the_pods_of_one_kind_and_their_ports_are_there(case: str) -> None:
    documents = render(case)
    for name, selector, ports in selectors(documents):
        (deployment,) = select(documents, selector)
        assert ports <= ports_of(deployment).keys(), name


@pytest.mark.parametrize("case", CASES)
def test_probes_ask_ports_that_the_process_opens(case: str) -> None:
    documents = render(case)
    for kind in ("worker", "gateway"):
        deployment = take(documents, "Deployment", f"-{kind}")
        container, ports, given = container_of(deployment), ports_of(deployment), variables_of(deployment)
        probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
        assert {name: probe["path"] for name, probe in probes.items()} == {
            "startup": "/livez", "liveness": "/livez", "readiness": "/readyz",
        }  # fmt: skip
        (port,) = {ports[probe["port"]] for probe in probes.values()}
        opened = given["SHOPSTREAM_HEALTH_PORT" if kind == "worker" else "SHOPSTREAM_GATEWAY_PRIVATE"]
        assert int(opened.rpartition(":")[2]) == port
    public = variables_of(take(documents, "Deployment", "-gateway"))["SHOPSTREAM_GATEWAY_PUBLIC"]
    assert public == read(GatewaySettings, {"app_key": "key", "app_secret": "secret"}).gateway_public
    assert int(public.rpartition(":")[2]) == ports_of(take(documents, "Deployment", "-gateway"))["public"]


def test_the_ingress_leads_to_the_public_port_alone() -> None:
    documents = render("full")
    ingress = take(documents, "Ingress")["spec"]
    (rule,) = ingress["rules"]
    paths = rule["http"]["paths"]
    assert {path["path"] for path in paths} == {PATH, "/connect", "/oauth/callback"}
    (service,) = {path["backend"]["service"]["name"] for path in paths}
    (port,) = take(documents, "Service", service)["spec"]["ports"]
    assert {path["backend"]["service"]["port"]["name"] for path in paths} == {port["name"]} == {"public"}
    assert port["targetPort"] == "public"
    assert ingress["tls"] == [{"hosts": [rule["host"]], "secretName": "shops-tls"}]


def test_the_pages_of_sellers_are_below_the_paths_of_the_ingress() -> None:
    routes = (ROOT / "gateway" / "consent" / "routes.py").read_text()
    assert '"/connect/' in routes
    assert '"/oauth/callback"' in routes


def peers(policy: Document, port: str) -> list[Document]:
    """Give the peers that may reach a port; none are everybody."""
    (rule,) = [one for one in policy["spec"]["ingress"] if one["ports"][0]["port"] == port]
    found: list[Document] = rule.get("from", [])
    return found


def namespace(name: str) -> Document:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def test_private_ports_are_reached_by_those_alone_who_are_named() -> None:
    own = {
        "podSelector": {
            "matchLabels": {"app.kubernetes.io/name": "shopstream", "app.kubernetes.io/instance": "shopstream"}
        }
    }
    default = render("default")
    assert take(default, "NetworkPolicy", "-worker")["spec"]["ingress"] == []
    assert peers(take(default, "NetworkPolicy", "-gateway"), "private") == [own]
    assert peers(take(default, "NetworkPolicy", "-gateway"), "public") == []
    full = render("full")
    worker, gateway = (take(full, "NetworkPolicy", f"-{kind}") for kind in ("worker", "gateway"))
    prometheus = namespace("prometheus")
    assert peers(worker, "health") == [{"ipBlock": {"cidr": "10.1.0.0/16"}}, prometheus]
    erp = {"podSelector": {"matchLabels": {"app": "erp"}}}
    assert peers(gateway, "private") == [own, erp, prometheus, namespace("scaling")]
    assert peers(gateway, "public") == [namespace("ingress-nginx")]


def egress(policy: Document) -> dict[int, list[Document]]:
    """Give the peers of each port; none are everybody."""
    rules = policy["spec"]["egress"]
    return {port["port"]: rule.get("to", []) for rule in rules for port in rule["ports"]}


def test_pods_reach_redis_names_and_of_workers_the_public_https() -> None:
    default = render("default")
    worker, gateway = (egress(take(default, "NetworkPolicy", f"-{kind}")) for kind in ("worker", "gateway"))
    assert set(gateway) == {53, 6379, 6380}
    assert set(worker) == {53, 6379, 6380, 443}
    public = worker[443][0]["ipBlock"]
    assert public["cidr"] == "0.0.0.0/0"
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(public["except"])
    full = egress(take(render("full"), "NetworkPolicy", "-gateway"))
    assert set(full) == {53, 6390, 26379, 4318}
    assert full[6390] == [{"ipBlock": {"cidr": "10.2.0.0/24"}}]


@pytest.mark.parametrize("case", CASES)
def test_a_node_can_be_drained(case: str) -> None:
    budgets = list_kind(render(case), "PodDisruptionBudget")
    assert [one["spec"]["maxUnavailable"] for one in budgets] == [1, 1]


@pytest.mark.parametrize("case", CASES)
def test_the_account_of_the_pods_is_there_or_named(case: str) -> None:
    documents = render(case)
    made = [one["metadata"]["name"] for one in list_kind(documents, "ServiceAccount")]
    used = {one["spec"]["template"]["spec"]["serviceAccountName"] for one in list_kind(documents, "Deployment")}
    assert used == ({"default"} if case == "minimal" else set(made))
    assert all(one["automountServiceAccountToken"] is False for one in list_kind(documents, "ServiceAccount"))


def test_prometheus_gets_the_jobs_and_the_rules_of_the_repository() -> None:
    documents = render("full")
    jobs = {
        one["spec"]["podMetricsEndpoints"][0]["relabelings"][0]["replacement"]
        for one in list_kind(documents, "PodMonitor")
    }
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    assert jobs == {one["job_name"] for one in scraped}
    rules = take(documents, "PrometheusRule")
    text = ORIGINAL_RULES.read_text().replace("{{ $externalLabels.runbooks }}", "https://git.example.com/shopstream/")
    assert rules["spec"] == yaml.safe_load(text)
    assert rules["metadata"]["labels"]["release"] == "prometheus"


@pytest.mark.parametrize(
    ("release", "name"), [("shopstream", "shopstream"), ("my-shopstream", "my-shopstream"), ("eu", "eu-shopstream")]
)
def test_two_releases_have_names_and_selectors_of_their_own(release: str, name: str) -> None:
    documents = render("full", release=release)
    assert take(documents, "Deployment", "-worker")["metadata"]["name"] == f"{name}-worker"
    assert select(documents, {"app.kubernetes.io/instance": release}) == list_kind(documents, "Deployment")
    url = take(documents, "ScaledObject")["spec"]["triggers"][0]["metadata"]["url"]
    assert url == f"http://{name}-private.{SPACE}.svc:8401/v1/scale"
