import { Icon } from "../ui/icon";
import type { EvidenceEntry } from "../api/types";
import { bytesOf } from "./statement";

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
      },
      null,
      2,
    );
  return (
    <>
      <button type="button" className="btn" onClick={() => save(`${stem}.dsse.json`, bytesOf(entry.envelope_base64))}>
        <Icon name="download" size={14} />
        Envelope
      </button>
      <button type="button" className="btn" onClick={() => save(`${stem}.proof.json`, proof())}>
        <Icon name="download" size={14} />
        Proof
      </button>
    </>
  );
}

function save(name: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
