import { DownloadButton } from "../ui/download-button";

/** Takes the whole log away, for `proofline-verify`. */
export function ExportButton({ siteId, disabledReason }: { siteId: string; disabledReason: string | undefined }) {
  return (
    <DownloadButton
      url={`/api/sites/${encodeURIComponent(siteId)}/evidence/export`}
      file={`${siteId}.tar`}
      disabledReason={disabledReason}
      tip="A tar file that proofline-verify checks without a network"
    >
      Export
    </DownloadButton>
  );
}
