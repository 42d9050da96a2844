// A ledger's proof, checked here: every hash is computed by this browser (Web Crypto, SHA-256), as RFC 9162 says. The same
// steps, in Python, are docs/check_proof.py. Signatures are not checked here; `iles ledger check` does that, too.
const utf8 = new TextEncoder();

async function sha(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { bytes.set(part, at); at += part.length; }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const same = (one, other) => hex(one) === hex(other);

function unhex(text) {
  if (typeof text !== "string" || text.length % 2 || !/^[0-9a-f]*$/.test(text)) throw new Error("the proof holds something that is no lower-case hexadecimal");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
const ended = (bytes, tail) => bytes.length >= tail.length && same(bytes.slice(bytes.length - tail.length), tail);

// The root of a tree of `size` leaves that has this leaf at `index` (RFC 9162 2.1.3.2); null where the path does not fit.
export async function rootOf(leaf, index, size, path) {
  let at = index, last = size - 1, found = leaf;
  for (const step of path) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      found = await sha(Uint8Array.of(1), step, found);
      while (at % 2 === 0 && at !== 0) { at = Math.floor(at / 2); last = Math.floor(last / 2); }
    } else {
      found = await sha(Uint8Array.of(1), found, step);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? found : null;
}

export async function check(proof, held, say) {
  const lines = proof.head.split("\n");
  const digest = hex(await sha(utf8.encode(proof.head)));
  say(digest === held, `the head's text has the SHA-256 ${digest}, ${digest === held ? "as the head you hold" : `but you hold ${held}`}`);
  if (digest !== held) return false;
  const size = Number(lines[1]), root = Uint8Array.from(atob(lines[2]), (sign) => sign.charCodeAt(0));
  const index = proof.leaf_index;
  const placed = Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size && size === proof.tree_size;
  say(placed, `the record is leaf ${index} of the ${size} that the head vouches for`);
  if (!placed) return false;
  const entry = unhex(proof.entry), path = proof.inclusion_path.map(unhex);
  if (path.some((step) => step.length !== 32)) { say(false, "a step of the path is no SHA-256 hash"); return false; }
  const leaf = await sha(Uint8Array.of(0), entry);
  const found = await rootOf(leaf, index, size, path);
  const rooted = found !== null && same(found, root);
  say(rooted, `${path.length} steps lead from the record's hash ${hex(leaf).slice(0, 16)}… to ${rooted ? "the head's root" : "another root than the head's"}`);
  if (!rooted) return false;
  if (proof.salt !== undefined) {
    const body = hex(await sha(utf8.encode("iles-body-2\n"), unhex(proof.salt), unhex(proof.body)));
    const opened = ended(entry, utf8.encode(`\nsalted\n${body}`));
    say(opened, opened ? "salt and body are those that the record was made of" : "salt and body are not those that the record was made of");
    if (!opened) return false;
  }
  return true;
}

const form = document.getElementById("proof");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const told = document.getElementById("proof-told"), steps = document.getElementById("proof-steps");
  steps.replaceChildren();
  told.textContent = "…";
  const say = (good, words) => {
    const line = document.createElement("li");
    line.textContent = `${good ? "✓" : "✗"} ${words}`;
    steps.append(line);
  };
  try {
    const asked = new URLSearchParams({ kind: form.elements.kind.value, key: form.elements.key.value });
    const answer = await fetch(`${form.dataset.proof}?${asked}`);
    const given = await answer.json();
    if (!answer.ok) throw new Error(typeof given.detail === "string" ? given.detail : `the portal answered ${answer.status}`);
    const sound = await check(given.proofs?.[0] ?? given, form.elements.head.value.trim(), say);
    told.dataset.sound = String(sound);
    told.textContent = sound ? "The proof is sound: this browser has computed it from the record to the head." : "REFUSED: the proof does not lead to the head you hold.";
  } catch (error) {
    told.dataset.sound = "false";
    told.textContent = error.message;
  }
});
if (form && new URLSearchParams(location.search).has("kind")) form.requestSubmit();
