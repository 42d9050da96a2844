"""What a journal's server does in one go, atomically: three scripts, each answering with a verdict and a number."""

from __future__ import annotations

import hashlib

# All scripts: KEYS = meta hash (life, last, keep, turn), stream of entries; one hash tag keeps both on one node of a cluster.
# A life counts its calls (turn): one that was held up on its way and overtaken by a later one changes nothing any more. The
# client itself may send one call twice, with the same turn.
# A write that frees memory comes first where the server may be full: after it, the rest of a script may go over the limit.
CLAIM = """
local t = redis.call('TIME')
local life = tonumber(redis.call('HGET', KEYS[1], 'life') or 0) + 1
local now = t[1] * 1000000 + t[2]
if now > life then life = now end
life = string.format('%.0f', life)
redis.call('HDEL', KEYS[1], 'life')
redis.call('HSET', KEYS[1], 'life', life, 'turn', '0')
return {life, redis.call('HGET', KEYS[1], 'last') or '0'}
"""

APPEND = """
local meta = redis.call('HMGET', KEYS[1], 'life', 'last', 'keep', 'turn')
local life, last, kept = tonumber(meta[1] or 0), tonumber(meta[2] or 0), tonumber(meta[3] or 0)
local mine, number, keep = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local empty = redis.call('XLEN', KEYS[2]) == 0
if life > mine then return {1, last} end
if empty ~= (last == 0) then return {2, last} end
if life < mine and not (number == 1 and last == 0) then return {2, last} end
if life == mine and tonumber(meta[4] or 0) > tonumber(ARGV[5]) then return {3, last} end
if number == last then
  local there = redis.call('XRANGE', KEYS[2], ARGV[2], ARGV[2])[1]
  if not there then return {2, last} end
  if there[2][2] ~= ARGV[3] then
    if ARGV[6] == '0' then return {4, last} end
    local id = there[1]
    redis.call('XDEL', KEYS[2], id)
    redis.call('XADD', KEYS[2], ARGV[2] .. '-' .. (tonumber(string.match(id, '%-(%d+)')) + 1), 'd', ARGV[3])
  end
  redis.call('HSET', KEYS[1], 'turn', ARGV[5])
  return {0, last}
end
if number < last then return {3, last} end
if number > last + 1 then return {2, last} end
if keep > kept and not empty then
  redis.call('XTRIM', KEYS[2], 'MINID', '~', ARGV[4] .. '-0')
  kept = keep
end
redis.call('XADD', KEYS[2], ARGV[2] .. '-0', 'd', ARGV[3])
redis.call('HSET', KEYS[1], 'life', ARGV[1], 'last', ARGV[2], 'keep', string.format('%.0f', kept), 'turn', ARGV[5])
return {0, number}
"""

REWRITE = """
local meta = redis.call('HMGET', KEYS[1], 'life', 'last', 'turn')
local life, last = tonumber(meta[1] or 0), tonumber(meta[2] or 0)
local mine, number = tonumber(ARGV[1]), tonumber(ARGV[2])
if life > mine then return {1, last} end
if life == mine and tonumber(meta[3] or 0) > tonumber(ARGV[5]) then return {3, last} end
if life == mine and last > number and ARGV[4] == '0' then return {3, last} end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('XADD', KEYS[2], ARGV[2] .. '-0', 'd', ARGV[3])
redis.call('HSET', KEYS[1], 'life', ARGV[1], 'last', ARGV[2], 'keep', ARGV[2], 'turn', ARGV[5])
return {0, number}
"""

DIGESTS = {text: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in (CLAIM, APPEND, REWRITE)}
