/** DSSE v1.0 envelopes with exactly one signature. What is verified are the received payload bytes. */

import { concat, fromBase64, fromBase64Of, utf8 } from "./bytes";
import { asList, Fields } from "./fields";
import { readJson } from "./json";
import { keyId, type PublicKey, signatureHolds } from "./key";
import { Defect } from "./reasons";
import { digest } from "./words";

const maxEnvelopeBytes = 32 * 1024;
const statementPayloadType = "application/vnd.in-toto+json";

/** Parsed, not verified. */
export interface Envelope {
  payloadType: string;
  payload: Uint8Array;
  keyId: string;
  signature: Uint8Array;
}

export const parseEnvelope = (bytes: Uint8Array): Envelope => parseEnvelopeUpTo(bytes, maxEnvelopeBytes);

/** An envelope that is not a log entry and may have another size. */
export function parseEnvelopeUpTo(bytes: Uint8Array, maxBytes: number): Envelope {
  const envelope = new Fields(readJson(bytes, maxBytes), "envelope");
  const payload = fromBase64(envelope.text("payload"));
  const payloadType = envelope.text("payloadType");
  const signatures = asList(envelope.take("signatures"), "signatures");
  envelope.finish();
  const [only] = signatures;
  if (signatures.length !== 1 || only === undefined) throw new Defect("signature_count", `found ${signatures.length}`);
  const fields = new Fields(only, "signature");
  const id = fields.parsed("keyid", digest);
  const signature = fromBase64Of(fields.text("sig"), 64, "signature_invalid");
  fields.finish();
  return { payloadType, payload, keyId: id, signature };
}

/** The bytes that are signed: the pre-authentication encoding of DSSE. */
function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const head = `DSSEv1 ${utf8(payloadType).length} ${payloadType} ${payload.length} `;
  return concat(utf8(head), payload);
}

/** Verifies an envelope that holds a statement, and hands out the payload. */
export const verifyEnvelope = (envelope: Envelope, key: PublicKey): Uint8Array =>
  verifyEnvelopeOf(statementPayloadType, envelope, key);

/** Verifies the announced type, the key's name and the signature, and hands out the payload. */
export function verifyEnvelopeOf(expectedType: string, envelope: Envelope, key: PublicKey): Uint8Array {
  if (envelope.payloadType !== expectedType) {
    throw new Defect("payload_type", `expected ${expectedType}`);
  }
  if (envelope.keyId !== keyId(key)) throw new Defect("key_mismatch", `expected key ${keyId(key)}`);
  const message = preAuthenticationEncoding(envelope.payloadType, envelope.payload);
  if (!signatureHolds(key, message, envelope.signature)) {
    throw new Defect("signature_invalid", "Ed25519 verification failed");
  }
  return envelope.payload;
}
