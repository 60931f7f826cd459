import { Icon } from "../ui/icon";
import type { EvidenceEntry } from "../api/types";
import { saveFile } from "../lib/save";
import { bytesOf } from "./statement";

const json = "application/json";

/** The exact bytes, to keep or to verify elsewhere. */
export function Downloads({ siteId, entry }: { siteId: string; entry: EvidenceEntry }) {
  const stem = `${siteId}-${entry.index}`;
  const proof = () =>
    JSON.stringify(
      {
        index: entry.index,
        key: entry.key,
        checkpoint: entry.checkpoint,
        inclusion_proof: entry.inclusion_proof,
        checkpoint_key: entry.checkpoint_key,
        checkpoint_successors: entry.checkpoint_successors,
      },
      null,
      2,
    );
  return (
    <>
      <button
        type="button"
        className="btn"
        onClick={() => saveFile(`${stem}.dsse.json`, bytesOf(entry.envelope_base64), json)}
      >
        <Icon name="download" size={14} />
        Envelope
      </button>
      <button type="button" className="btn" onClick={() => saveFile(`${stem}.proof.json`, proof(), json)}>
        <Icon name="download" size={14} />
        Proof
      </button>
    </>
  );
}
