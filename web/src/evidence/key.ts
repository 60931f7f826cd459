/**
 * Ed25519 keys and strict verification, on @noble/ed25519.
 *
 * A key is the canonical encoding of a point of prime order. `verify` with `zip215: false` checks the equation with the
 * cofactor and canonical encodings; that R is of prime order too makes this the same decision as the equation without it.
 */

import { hashes, Point, verify } from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { fromBase64Of, toHex } from "./bytes";
import { Defect } from "./reasons";

hashes.sha512 = sha512;

declare const sound: unique symbol;

/** The 32 bytes of a key that passed `publicKey`. */
export type PublicKey = Uint8Array & { readonly [sound]: true };

/** Refuses what is no canonical point, and points of small or mixed order. */
export function publicKey(bytes: Uint8Array): PublicKey {
  const point = pointOf(bytes);
  if (!point) throw new Defect("key_malformed", "not a canonical Ed25519 public key");
  if (!isOfPrimeOrder(point)) throw new Defect("key_weak", "the point is not of prime order");
  return bytes as PublicKey;
}

export const publicKeyFromBase64 = (text: string): PublicKey => publicKey(fromBase64Of(text, 32, "key_malformed"));

/** The key's name: SHA-256 of its bytes, in hexadecimal. */
export const keyId = (key: PublicKey): string => toHex(sha256(key));

/** Strictly: canonical S, canonical R of prime order, and the equation. */
export function signatureHolds(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64 || !verify(signature, message, key, { zip215: false })) return false;
  const r = pointOf(signature.slice(0, 32));
  return r !== undefined && isOfPrimeOrder(r);
}

function pointOf(bytes: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(bytes, false);
  } catch {
    return undefined;
  }
}

const isOfPrimeOrder = (point: Point): boolean => !point.isSmallOrder() && point.isTorsionFree();
