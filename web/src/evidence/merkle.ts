/** Inclusion in, and consistency of, RFC 6962 trees (RFC 9162, sections 2.1.3.2 and 2.1.4.2). */

import { sha256 } from "@noble/hashes/sha2.js";
import { concat, equal } from "./bytes";
import { Defect } from "./reasons";

const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);

export const leafHash = (data: Uint8Array): Uint8Array => sha256(concat(leafPrefix, data));

const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(concat(nodePrefix, left, right));

const wrongLength = () => new Defect("proof_length", "the number of hashes does not fit the sizes");

function sameRoot(computed: Uint8Array, expected: Uint8Array): void {
  if (!equal(computed, expected)) throw new Defect("proof_root", "computed another root");
}

/** Throws unless the leaf stands at position `index` of the tree of `size` leaves with that root. */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): void {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new Defect("proof_index", `position ${index} of ${size}`);
  }
  let node = BigInt(index);
  let last = BigInt(size) - 1n;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0n) throw wrongLength();
    if ((node & 1n) === 1n || node === last) {
      hash = nodeHash(sibling, hash);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n) throw wrongLength();
  sameRoot(hash, root);
}

/** Throws unless the tree of `newSize` leaves begins with the tree of `oldSize` leaves. */
export function verifyConsistency(
  oldSize: number,
  newSize: number,
  oldRoot: Uint8Array,
  newRoot: Uint8Array,
  proof: readonly Uint8Array[],
): void {
  if (oldSize < 1 || oldSize > newSize) throw new Defect("proof_index", `from ${oldSize} to ${newSize}`);
  if (oldSize === newSize) {
    if (proof.length > 0) throw wrongLength();
    return sameRoot(oldRoot, newRoot);
  }
  let node = BigInt(oldSize) - 1n;
  let last = BigInt(newSize) - 1n;
  while ((node & 1n) === 1n) {
    node >>= 1n;
    last >>= 1n;
  }
  // A complete older tree is itself the first node and is not repeated in the proof.
  const [first, ...rest] = node === 0n ? [oldRoot, ...proof] : proof;
  if (!first) throw wrongLength();
  let oldHash = first;
  let newHash = first;
  for (const sibling of rest) {
    if (last === 0n) throw wrongLength();
    if ((node & 1n) === 1n || node === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  if (last !== 0n) throw wrongLength();
  sameRoot(oldHash, oldRoot);
  sameRoot(newHash, newRoot);
}
