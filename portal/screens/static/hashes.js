// SHA-256 by Web Crypto, and the paths of RFC 9162 2.1.3: what a ledger's proof is checked with, see proof.js.
export const utf8 = new TextEncoder();

export function joined(...parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { bytes.set(part, at); at += part.length; }
  return bytes;
}
export async function sha(...parts) { return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts))); }
export const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
export const same = (one, other) => hex(one) === hex(other);

export function unhex(text) {
  if (typeof text !== "string" || text.length % 2 || !/^[0-9a-f]*$/.test(text)) throw new Error("the proof holds something that is no lower-case hexadecimal");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

// The root of a tree of `size` leaves that has this leaf at `index` (RFC 9162 2.1.3.2); null where the path does not fit.
export async function rootOf(leaf, index, size, path) {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size || path.some((step) => step.length !== 32)) return null;
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
