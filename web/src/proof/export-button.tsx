import { Button } from "../ui/button";
import { Icon } from "../ui/icon";

/** Takes the whole log away, for `proofline-verify`. The browser streams it to disk. */
export function ExportButton({ siteId, disabledReason }: { siteId: string; disabledReason: string | undefined }) {
  if (disabledReason) {
    return (
      <Button icon="download" disabledReason={disabledReason}>
        Export
      </Button>
    );
  }
  return (
    <a
      href={`/api/sites/${encodeURIComponent(siteId)}/evidence/export`}
      download
      className="btn"
      data-tip="A tar file that proofline-verify checks without a network"
    >
      <Icon name="download" size={14} />
      Export
    </a>
  );
}
