"""Tell if a command of a page can be right: program, options, services, files and variables are there.

Nothing is run. A fault is a sentence; a command without one may still fail for other reasons.
"""

import importlib.util
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import typer
import yaml

from config.gateway_settings import GatewaySettings
from config.settings import Settings
from contract.configure import command_variables, variable
from shopstream.cli.app import build
from tests.sources import ROOT

_INNER: Final = re.compile(r"\$\(([^()]*)\)")
_ASSIGNED: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_ENDS: Final = {";", "&", "&&", "|", "||", "(", ")"}
_DIRECTED: Final = {"<", ">", ">>", ">&", "<<<"}
_OURS: Final = re.compile(r"(?:\./)?(?:docs|deploy|config|examples|requirements|benchmarks|tests|shopstream)/[\w./-]+")
_GATEWAY: Final = re.compile(r"https?://[^/\s]+(?P<path>/[\w./-]*)")
OUTSIDE: Final = {
    "awk", "bash", "cat", "cd", "chmod", "chown", "cosign", "cp", "crontab", "curl", "cut", "date", "diff",
    "docker", "echo", "env", "export", "find", "gh", "git", "gpg", "grep", "head", "helm", "id", "install", "jq",
    "kubectl", "ls", "mkdir", "mv", "node", "npm", "npx", "od", "openssl", "printf", "promtool", "psql",
    "redis-cli", "rm", "rsync", "sed", "set", "sh", "sha256sum", "sleep", "sort", "ssh", "systemctl", "tail",
    "tar", "tee", "test", "tr", "true", "uniq", "unset", "uvicorn", "valkey-check-aof", "valkey-cli",
    "valkey-server", "wait", "wc", "xargs",
}  # fmt: skip
"""Programs of the machine. Of their options nothing is known here."""


def find_faults(line: str) -> list[str]:
    """Find what can't be right in a line of a shell. An empty list: nothing was found."""
    faults: list[str] = []
    for inner in _INNER.findall(line):
        faults += find_faults(inner)
    outer = _INNER.sub("SUBSTITUTED", line)
    try:
        parts = list(_split(outer))
    except ValueError as error:
        return [*faults, f"{line}: {error}"]
    for words in parts:
        faults += [f"{' '.join(words)}: {fault}" for fault in _check(words)]
    return faults


def _split(line: str) -> Iterator[list[str]]:
    """Split a line into simple commands, without their redirections."""
    words: list[str] = []
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>()")
    lexer.whitespace_split = True
    tokens = iter(lexer)
    for token in tokens:
        if token in _DIRECTED:
            next(tokens, None)
        elif token in _ENDS:
            yield words
            words = []
        else:
            words.append(token)
    yield words


def _check(words: Sequence[str]) -> Iterator[str]:
    """Check a simple command: the variables before it, then the program with its words."""
    rest = list(words)
    if rest and rest[0] == "export":
        rest = rest[1:]
    while rest and (assigned := _ASSIGNED.match(rest[0])):
        yield from _check_variable(assigned[1])
        rest = rest[1:]
    if not rest:
        return
    program, *arguments = rest
    name = program.removeprefix(".venv/bin/").removeprefix("$PWD/.venv/bin/")
    checker = _CHECKERS.get(name)
    if checker is not None:
        yield from checker(arguments)
    elif name not in OUTSIDE and not (ROOT / program).is_file():
        yield f"the program {program} is unknown"
    if name != "kubectl":  # whose deploy/NAME is no file
        yield from _check_files(arguments)


def _check_variable(name: str) -> Iterator[str]:
    if name.startswith("SHOPSTREAM_"):
        known = {variable(one) for one in (*Settings.__struct_fields__, *GatewaySettings.__struct_fields__)}
        known |= set(command_variables())
        if name.removesuffix("_FILE") not in known:
            yield f"the setting {name} is unknown"


def _check_files(arguments: Sequence[str]) -> Iterator[str]:
    for one in arguments:
        if _OURS.fullmatch(one) and not (ROOT / one).exists():
            yield f"the file {one} is not there"


@cache
def _command_line() -> Any:
    return typer.main.get_command(build())


def _check_shopstream(arguments: Sequence[str]) -> Iterator[str]:
    """Parse the arguments as the command line does, and stop before anything is done."""
    command, rest, name = _command_line(), list(arguments), "shopstream"
    try:
        while True:
            context = command.make_context(name, rest)
            rest = [*getattr(context, "_protected_args", []), *context.args]
            if not hasattr(command, "commands") or not rest:
                return
            name, command, rest = command.resolve_command(context, rest)
    except typer.Exit:
        return  # --version and --help answer at once
    except Exception as error:  # noqa: BLE001 - the click that typer keeps to itself has no public error
        yield getattr(error, "message", "") or type(error).__name__


def _check_make(arguments: Sequence[str]) -> Iterator[str]:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in arguments:
        if not _ASSIGNED.match(target) and target not in targets:
            yield f"make has no target {target}"


def _check_python(arguments: Sequence[str]) -> Iterator[str]:
    if len(arguments) >= 2 and arguments[0] == "-m" and importlib.util.find_spec(arguments[1]) is None:
        yield f"the module {arguments[1]} is not there"


def _check_pip(arguments: Sequence[str]) -> Iterator[str]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for one in arguments:
        extras = re.fullmatch(r"(?:\.|shopstream)\[([\w,-]+)\].*", one)
        unknown = set(extras[1].split(",")) - set(project["optional-dependencies"]) if extras else set()
        yield from (f"there is no extra {extra}" for extra in sorted(unknown))


def _check_docker(arguments: Sequence[str]) -> Iterator[str]:
    if arguments[:1] == ["compose"]:
        yield from _check_compose(list(arguments[1:]))


_COMPOSE_VALUES: Final = {"--profile", "-f", "--file", "--env-file", "--scale", "--tail", "-u", "--user", "-e", "--env"}


def _check_compose(words: list[str]) -> Iterator[str]:
    """Check profiles and services, and the command that is run inside of one."""
    services: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    profiles = {profile for service in services.values() for profile in service.get("profiles", [])}
    verb = ""
    while words:
        word = words.pop(0)
        option, _, given = word.partition("=")
        if word.startswith("-"):
            value = (given or words.pop(0)) if option in _COMPOSE_VALUES else ""
            if option == "--profile" and value not in profiles:
                yield f"there is no profile {value}"
            if option == "--scale" and value.partition("=")[0] not in services:
                yield f"there is no service {value.partition('=')[0]}"
        elif not verb:
            verb = word
        elif verb == "cp":
            continue
        elif word not in services:
            yield f"there is no service {word}"
        elif verb in {"exec", "run"}:
            yield from _check([one for one in words if one != "--"])
            return


def _check_kubectl(arguments: Sequence[str]) -> Iterator[str]:
    """Check the command that is run inside of a pod."""
    if "--" in arguments:
        yield from _check(arguments[list(arguments).index("--") + 1 :])


_CHECKERS: Final[dict[str, Callable[[Sequence[str]], Iterator[str]]]] = {
    "shopstream": _check_shopstream,
    "make": _check_make,
    "python": _check_python,
    "python3": _check_python,
    "pip": _check_pip,
    "docker": _check_docker,
    "kubectl": _check_kubectl,
}


def find_unknown_paths(line: str) -> list[str]:
    """Find paths of the gateway in a line that no module of it has. Those of other hosts' own pages don't count."""
    return [one["path"] for one in _GATEWAY.finditer(line) if "curl" in line and not _is_served(one["path"])]


def _is_served(path: str) -> bool:
    first = "/" + path.strip("/").partition("/")[0]
    return any(f'"{first}' in file for file in _gateway_sources())


@cache
def _gateway_sources() -> list[str]:
    return [Path(path).read_text() for path in (ROOT / "gateway").rglob("*.py")]
