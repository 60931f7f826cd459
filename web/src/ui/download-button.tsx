import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { sentenceFor } from "../api/error-words";
import { send } from "../api/http";
import { bytes } from "../lib/format";
import { fileNameOf, saveFile } from "../lib/save";
import { Button } from "./button";
import { say } from "./toast";

const longMs = 30 * 60_000;

/** Fetches a file, says how much has come, and hands it to the browser. A refusal has words instead of a broken file. */
export function DownloadButton({
  url,
  file,
  tip,
  disabledReason,
  children,
}: {
  url: string;
  /** The name, when the server gives none. */
  file: string;
  tip?: string;
  disabledReason: string | undefined;
  children: ReactNode;
}) {
  const [received, setReceived] = useState(0);
  const download = useMutation({
    mutationFn: async () => {
      const response = await send(url, { headers: { Accept: "*/*" }, timeoutMs: longMs });
      const type = response.headers.get("content-type") ?? "application/octet-stream";
      const parts: BlobPart[] = [];
      let size = 0;
      for (const reader = response.body?.getReader(); reader;) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        setReceived((size += value.length));
      }
      saveFile(fileNameOf(response.headers.get("content-disposition")) ?? file, new Blob(parts, { type }), type);
      return size;
    },
    onSuccess: (size) => say(`${bytes(size)} downloaded`),
    onError: (error) => say(`Nothing was downloaded. ${sentenceFor(error)}`, "bad"),
    onSettled: () => setReceived(0),
  });
  return (
    <Button
      icon="download"
      disabledReason={disabledReason}
      busy={download.isPending}
      data-tip={disabledReason ?? tip}
      onClick={() => download.mutate()}
    >
      {download.isPending && received > 0 ? bytes(received) : children}
    </Button>
  );
}
