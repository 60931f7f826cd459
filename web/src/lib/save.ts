/** Hands a file to the browser, which asks where to or puts it among the downloads. */
export function saveFile(name: string, content: BlobPart | Blob, type: string): void {
  const blob = content instanceof Blob ? content : new Blob([content], { type });
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The name in `Content-Disposition`, without any folder. */
export function fileNameOf(disposition: string | null): string | undefined {
  const name = /filename="?([^";]+)"?/.exec(disposition ?? "")?.[1];
  return name?.split(/[\\/]/).pop()?.trim() || undefined;
}
