"""A generator that sends nothing and a product that is the floor: the runner without any load."""

import sys
from pathlib import Path

# Says what wrk would say, and writes down the ids that it would have collected.
WRK = """#!{python}
import re, sys
text = open(sys.argv[sys.argv.index("-s") + 1]).read()
found = re.search(r'io.open\\("(.*?)", "a"\\)', text)
if found:
    with open(found.group(1), "a") as file:
        file.writelines(f"{{number}}\\\\n" for number in range(30_000))
with open({log!r}, "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\\\n")
print('\\\\n{{"requests":%d,"elapsed_us":1000000,"p50_us":900,"p99_us":9000,"refused":%d,"broken":0}}'
      % ({requests}, {refused}))
"""

PRODUCT = """
import asyncio, sys
from pathlib import Path
from counterfoil.bench.floor import main
from counterfoil.core.merchant import Credential
from counterfoil.store.sqlite import open_store
from counterfoil.testing.world import demo_merchant

def given(name):
    return sys.argv[sys.argv.index(name) + 1]

async def seed(path):
    store = await open_store(path)
    await store.save_merchant(demo_merchant())
    credential = Credential(wire="bizon", login="project", merchant=1, secret_hash=b"-")
    await store.save_credential(credential)
    await store.close()

path = Path(given("--database").removeprefix("sqlite:///"))
asyncio.run(seed(path))
sys.exit(main(["--port", given("--port"), "--database", str(path) + ".floor"]))
"""


def fake_wrk(folder: Path, *, requests: int = 20_000, refused: int = 0) -> str:
    """The path of a generator that answers with these figures; it notes its calls in `wrk.log`."""
    path = folder / "wrk"
    log = str(folder / "wrk.log")
    text = WRK.format(python=sys.executable, log=log, requests=requests, refused=refused)
    path.write_text(text.replace("\\\\n", "\\n"))
    path.chmod(0o700)
    return str(path)


def fake_product(folder: Path) -> tuple[str, ...]:
    """The beginning of a command that seeds a store and serves the floor."""
    path = folder / "product.py"
    path.write_text(PRODUCT)
    return sys.executable, str(path)
