"""What a topic's server does in one go: taking messages once, making room, and never dropping what a group still needs.

KEYS: hash of the topic (`total`: bytes ever taken, `base`: bytes dropped since), its stream, a producer's last number.
Each entry carries `o`, the bytes taken before it, so that what is kept is counted without looking at every entry.
"""

from __future__ import annotations

import hashlib

ENTRY_BYTES = 64  # that an entry costs beside its data

# The first entry that some group has not acknowledged, as two numbers; nothing where all may go.
_ROOM = """
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local function before(a, b, c, d) return a < c or (a == c and b < d) end
local function needed(key)
  local ms, seq
  if redis.call('EXISTS', key) == 0 then return ms, seq end
  for _, told in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    local group = {}
    for i = 1, #told, 2 do group[told[i]] = told[i + 1] end
    local a, b = parts(group['last-delivered-id'])
    b = b + 1
    if group['pending'] > 0 then a, b = parts(redis.call('XPENDING', key, group['name'])[2]) end
    if not ms or before(a, b, ms, seq) then ms, seq = a, b end
  end
  return ms, seq
end
local function drop(meta, key, total, base, keep)
  local ms, seq = needed(key)
  local cut, from, going = nil, '-', true
  while going do
    local page = redis.call('XRANGE', key, from, '+', 'COUNT', 256)
    for _, entry in ipairs(page) do
      local a, b = parts(entry[1])
      local offset = tonumber(entry[2][4])
      if total - offset <= keep or (ms and not before(a, b, ms, seq)) then
        cut, base, going = entry[1], offset, false
        break
      end
      from = '(' .. entry[1]
    end
    if #page < 256 then going = false end
  end
  if cut then redis.call('XTRIM', key, 'MINID', cut) else redis.call('XTRIM', key, 'MAXLEN', 0); base = total end
  redis.call('HSET', meta, 'base', string.format('%.0f', base))
  return base
end
"""

# ARGV: first number, limit and keep in bytes, seconds for which the producer is remembered, then the messages.
# Answers with a verdict (0 taken, 1 full), the last number that is in the topic, and the last id.
ADD = f"""{_ROOM}
local last = tonumber(redis.call('GET', KEYS[3]) or 0)
local first, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local told = redis.call('HMGET', KEYS[1], 'total', 'base')
local total, base, new = tonumber(told[1] or 0), tonumber(told[2] or 0), 0
for i = 5, #ARGV do
  if first + i - 5 > last then new = new + #ARGV[i] + {ENTRY_BYTES} end
end
if new > 0 and total - base + new > limit then
  base = drop(KEYS[1], KEYS[2], total, base, math.max(0, math.min(tonumber(ARGV[3]), limit - new)))
end
local verdict, id = 0, ''
for i = 5, #ARGV do
  local number = first + i - 5
  if number > last then
    if total - base + #ARGV[i] + {ENTRY_BYTES} > limit then verdict = 1 break end
    id = redis.call('XADD', KEYS[2], '*', 'd', ARGV[i], 'o', string.format('%.0f', total))
    total = total + #ARGV[i] + {ENTRY_BYTES}
    last = number
  end
end
redis.call('HSET', KEYS[1], 'total', string.format('%.0f', total), 'base', string.format('%.0f', base))
redis.call('SET', KEYS[3], string.format('%.0f', last), 'EX', ARGV[4])
return {{verdict, string.format('%.0f', last), id}}
"""

# ARGV: keep in bytes. Answers with the bytes that are kept now.
TRIM = f"""{_ROOM}
local told = redis.call('HMGET', KEYS[1], 'total', 'base')
local total, base = tonumber(told[1] or 0), tonumber(told[2] or 0)
if total - base > tonumber(ARGV[1]) then base = drop(KEYS[1], KEYS[2], total, base, tonumber(ARGV[1])) end
return total - base
"""

DIGESTS = {text: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in (ADD, TRIM)}
