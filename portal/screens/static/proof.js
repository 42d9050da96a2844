// A ledger's proof, checked here: every hash and every signature is computed by this browser (Web Crypto; SHA-256 as RFC 9162 says,
// Ed25519). The hashes' steps, in Python, are docs/check_proof.py.
import { hex, rootOf, same, sha, unhex, utf8 } from "./hashes.js";
import { checkSignatures } from "./signatures.js";

const ended = (bytes, tail) => bytes.length >= tail.length && same(bytes.slice(bytes.length - tail.length), tail);

// True where hashes and signatures are good, null where the hashes are and signatures could not be checked, else false.
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
  return checkSignatures(proof, say);
}

const SAID = new Map([
  [true, "The proof is sound: this browser has computed it from the record to the head, and checked who signed both."],
  [null, "The proof's hashes are sound, computed by this browser from the record to the head. Its signatures are not checked: see why below."],
  [false, "REFUSED: the proof does not show this record under the head you hold."],
]);
const form = document.getElementById("proof");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const told = document.getElementById("proof-told"), steps = document.getElementById("proof-steps");
  steps.replaceChildren();
  told.textContent = "…";
  const say = (good, words) => {
    const line = document.createElement("li");
    line.textContent = `${good === null ? "?" : good ? "✓" : "✗"} ${words}`;
    steps.append(line);
  };
  try {
    const asked = new URLSearchParams({ kind: form.elements.kind.value, key: form.elements.key.value });
    const answer = await fetch(`${form.dataset.proof}?${asked}`);
    const given = await answer.json();
    if (!answer.ok) throw new Error(typeof given.detail === "string" ? given.detail : `the portal answered ${answer.status}`);
    const sound = await check(given.proofs?.[0] ?? given, form.elements.head.value.trim(), say);
    told.dataset.sound = String(sound !== false);
    told.textContent = SAID.get(sound);
  } catch (error) {
    told.dataset.sound = "false";
    told.textContent = error.message;
  }
});
if (form && new URLSearchParams(location.search).has("kind")) form.requestSubmit();
