// The signatures of a record and of its head (Ed25519, RFC 8032, by Web Crypto), each by a key that the ledger's own name binds
// to its party. The same in Python: market/ledger/checking.py.
import { joined, rootOf, same, sha, unhex, utf8 } from "./hashes.js";

const MARK = "iles-record-2\n";

// Values as the ledger hashes them: a type mark, the length in eight bytes, the bytes.
function pack(...values) {
  return joined(...values.flatMap((value) => {
    const bytes = typeof value === "string" ? utf8.encode(value) : value, head = new Uint8Array(9);
    head[0] = (typeof value === "string" ? "s" : "b").charCodeAt(0);
    new DataView(head.buffer).setBigUint64(1, BigInt(bytes.length));
    return [head, bytes];
  }));
}

// An entry is lines `party signature`, then the message that they sign; its fifth line is the author.
export function signed(entry) {
  const text = new TextDecoder("latin1").decode(entry); // a byte a sign, so that places are those of the bytes
  const at = text.startsWith(MARK) ? 0 : text.indexOf(`\n${MARK}`) + 1;
  if (!text.startsWith(MARK, at)) throw new Error("the entry is none of a record");
  const words = new TextDecoder().decode(entry.slice(0, at));
  const lines = words.split("\n").slice(0, -1).map((line) => {
    const gap = line.lastIndexOf(" ");
    return { party: line.slice(0, gap), value: unhex(line.slice(gap + 1)) };
  });
  const message = entry.slice(at);
  const [, kind, key, , author] = new TextDecoder().decode(message).split("\n", 5);
  return { lines, message, kind, key, author };
}

async function fits(key, message, value) {
  const known = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  return value.length === 64 && crypto.subtle.verify({ name: "Ed25519" }, known, value, message);
}

// True where all of them are good, false where one is not; null where this browser cannot tell, which is said, too.
export async function checkSignatures(proof, say) {
  const named = /^iles-ledger\/([0-9a-f]{64})$/.exec(proof.head.split("\n")[0]);
  if (!named) { say(false, "the head does not say the ledger's name"); return false; }
  const keys = new Map();
  for (const party of proof.parties ?? []) {
    const leaf = await sha(Uint8Array.of(0), pack("parties", party.name, unhex(party.public)));
    const root = await rootOf(leaf, party.leaf_index, proof.parties_size, party.inclusion_path.map(unhex));
    if (root === null || !same(root, unhex(named[1]))) { say(false, `${party.name} with this key is no party to the ledger`); return false; }
    keys.set(party.name, unhex(party.public));
  }
  say(true, `${keys.size} keys are bound to the ledger's name by their paths`);
  if (proof.key_history) { say(null, "a key of these parties was changed since: signatures are not checked here, but by iles ledger check"); return null; }
  const record = signed(unhex(proof.entry));
  if (!record.lines.some((one) => one.party === record.author)) { say(false, `the author ${record.author} has not signed the record`); return false; }
  try {
    for (const [what, lines, message] of [
      ["the record", record.lines, record.message],
      ["the head", (proof.cosignatures ?? []).map((one) => ({ party: one.party, value: unhex(one.value) })), utf8.encode(proof.head)],
    ]) {
      for (const one of lines) {
        const good = keys.has(one.party) && await fits(keys.get(one.party), message, one.value);
        if (!good) { say(false, `the signature of ${one.party} does not fit ${what} and its key`); return false; }
      }
      const who = [...new Set(lines.map((one) => one.party))].join(", ");
      say(true, who ? `${what} is signed by ${who} (Ed25519)` : `nobody has co-signed ${what} yet`);
    }
  } catch (error) {
    if (error.name !== "NotSupportedError") throw error;
    say(null, "this browser's Web Crypto has no Ed25519: signatures are not checked here, but by iles ledger check");
    return null;
  }
  return true;
}
