"""The scripts that tell wrk what to send, written at run time.

wrk asks `request` for each request and answers `response` with each answer; a script without them
sends one fixed request, which costs the generator least. wrk is run with one thread: it has one Lua
state, so a list of ids needs no splitting. The first call of `request` is a rehearsal that is never
sent, and its id is given back. Where the ids run out the thread stops itself and says how long it
was at work, because wrk would count the rest of its time as well. Source: wrk 4.1, SCRIPTING and
`src/script.c`.
"""

import base64
from pathlib import Path
from typing import Final

from counterfoil.bench.calls import Call, Uses
from counterfoil.core.record import Record

_HEAD: Final = """\
wrk.method = "{method}"
wrk.headers["Authorization"] = "{who}"
wrk.headers["Accept"] = "{accept}"
"""

_BODY: Final = """\
wrk.headers["Content-Type"] = "application/json"
wrk.body = {body}
"""

# Ids are read once; `elapsed_us` stays 0 unless they run out.
_IDS: Final = """\
local ffi = require("ffi")
ffi.cdef("typedef struct {{ long s; long ns; }} stamp; int clock_gettime(int, stamp *);")
local stamp = ffi.new("stamp")
local function now()
  ffi.C.clock_gettime(1, stamp)
  return tonumber(stamp.s) * 1000000 + math.floor(tonumber(stamp.ns) / 1000)
end
local ids, at, last, started = {{}}, {start}, {end}, nil
local rehearsed = false
elapsed_us = 0
function init()
  local row = 0
  for id in io.lines({file}) do
    row = row + 1
    if row > {start} and row <= {end} then ids[row] = id end
  end
end
function request()
  if not rehearsed then
    rehearsed = true
    return wrk.format("GET", "/ping")
  end
  started = started or now()
  if at == last then
    if {again} then
      at = {start}
    else
      if elapsed_us == 0 then elapsed_us = now() - started end
      wrk.thread:stop()
      return wrk.format("GET", "/ping")
    end
  end
  at = at + 1
  return wrk.format(nil, "{before}" .. ids[at] .. "{after}")
end
"""

_COLLECT: Final = """\
local found = io.open({file}, "a")
function response(status, headers, body)
  if status == 200 then
    local _, from = body:find('"id":"', 1, true)
    if from then found:write(body:sub(from + 1, body:find('"', from + 1, true) - 1), "\\n") end
  end
end
"""

_TAIL: Final = """\
local workers = {}
function setup(thread) table.insert(workers, thread) end
function done(summary, latency)
  local errors = summary.errors
  local elapsed_us = workers[1]:get("elapsed_us") or 0
  if elapsed_us == 0 then elapsed_us = summary.duration end
  io.write(string.format(
    '\\n{"requests":%d,"elapsed_us":%d,"p50_us":%d,"p99_us":%d,"refused":%d,"broken":%d}\\n',
    summary.requests, elapsed_us, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
"""


class Slice(Record):
    """Rows `start` to `end` (exclusive) of a file of ids, one a line."""

    file: Path
    start: int
    end: int


def script(call: Call, ids: Slice | None = None, collect: Path | None = None) -> str:
    """What wrk is to run: one fixed request, or one for each id; ids answered go to `collect`."""
    assert (ids is None) is (call.uses is Uses.NONE)
    parts = [_HEAD.format(method=call.method, who=who(call), accept=call.accept or "*/*")]
    if call.body is not None:
        parts.append(_BODY.format(body=quoted(call.body)))
    if ids is not None:
        before, after = call.path.split("{id}")
        parts.append(
            _IDS.format(
                file=quoted(str(ids.file)),
                start=ids.start,
                end=ids.end,
                again=str(call.uses is Uses.KNOWN).lower(),
                before=before,
                after=after,
            )
        )
    if collect is not None:
        parts.append(_COLLECT.format(file=quoted(str(collect))))
    return "".join(parts) + _TAIL


def who(call: Call) -> str:
    """How the call proves whose it is."""
    if call.token:
        return f"Bearer {call.token}"
    return "Basic " + base64.b64encode(f"{call.login}:{call.password}".encode()).decode()


def quoted(text: str) -> str:
    """The text as a Lua string."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{plain}"'
