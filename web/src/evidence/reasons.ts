/**
 * Why something is refused, under the names of the evidence format (`spec/evidence/README.md`).
 * Only the reasons that one entry can meet; the names and sentences are held to the shared list by a test.
 */

export const reasons = {
  json_too_large: "The JSON text is larger than this format allows.",
  json_not_utf8: "The JSON text is not valid UTF-8.",
  json_syntax: "The text is not JSON.",
  json_too_deep: "The JSON text is nested deeper than this format allows.",
  json_duplicate_key: "A JSON object names the same key twice.",
  json_number: "A JSON number is not a whole number within ±(2^53 − 1).",
  json_trailing_bytes: "Something follows the JSON value.",
  field_missing: "A required field is missing.",
  field_unknown: "A field is not part of this format.",
  field_type: "A field holds another kind of value than this format says.",
  field_value: "A field holds a value that this format does not allow.",
  base64_not_canonical: "A base64 text is not in its one canonical spelling.",
  key_malformed: "A public key is not the canonical encoding of a point on the curve.",
  key_weak: "A public key is of small or mixed order: signatures under it prove nothing.",
  payload_type: "The envelope announces another kind of content.",
  signature_count: "The envelope does not carry exactly one signature.",
  signature_invalid: "The signature was not made by this key over these bytes.",
  key_mismatch: "The envelope names another key than the one it is verified with.",
  proof_index: "The proof is about a position outside the tree.",
  proof_length: "The proof has too few or too many hashes.",
  proof_root: "The proof leads to another root hash.",
  note_malformed: "The text is not a signed note.",
  note_key_malformed: "The text is not a note verifier key.",
  note_unsigned: "The note carries no signature of the expected key.",
  note_signature_invalid: "A signature under the note does not verify with the key it names.",
  checkpoint_malformed: "The note's text is not a checkpoint.",
  checkpoint_origin: "The checkpoint belongs to another log.",
  checkpoint_time_missing: "The checkpoint does not say when it was signed.",
  successor_invalid: "A successor statement was not made by the key before it, or is about something else.",
  successor_order: "The successor statements do not lead from one key to the next.",
  successor_missing: "No successor statement leads to a key that signs in the log's name.",
  checkpoint_key_time: "The checkpoint is signed by a key before its time or after its end.",
  wrong_site: "The statement belongs to another site.",
  kind_not_allowed: "This signer may not make this kind of statement.",
  key_event_invalid: "A key statement contradicts the earlier key statements of the log.",
  gap_invalid: "A gap statement does not cover exactly the missing numbers.",
  time_reversed: "The statement ends before it starts.",
  time_after_checkpoint: "The statement is dated later than the checkpoint that holds it.",
  heal_unproven: "A heal claims success without a second observation that passes.",
  heal_other_check: "A heal's observations are about another check.",
  heartbeat_invalid: "A heartbeat refers to no earlier statement.",
} as const;

export type Reason = keyof typeof reasons;

/** One thing that is wrong with one input. `message` is the sentence; `detail` says where or what exactly. */
export class Defect extends Error {
  readonly reason: Reason;
  readonly detail: string;

  constructor(reason: Reason, detail: string) {
    super(reasons[reason]);
    this.name = "Defect";
    this.reason = reason;
    this.detail = detail;
  }
}
