import { useQuery } from "@tanstack/react-query";
import { useSession } from "../auth/context";
import { CopyButton } from "../ui/button";
import { Bar } from "../ui/skeleton";
import { entryQuery } from "./queries";

/**
 * What an export is for: how a stranger checks it, and the key to compare. Any entry of the log brings the key. How many
 * there are may not be known yet: the note has its place all the same, so that nothing moves.
 */
export function OfflineNote({ siteId, entries }: { siteId: string; entries?: number }) {
  const { session } = useSession();
  const query = useQuery({ ...entryQuery(siteId, 0), enabled: (entries ?? 0) > 0 });
  const key = query.data?.checkpoint_key.vkey;
  return (
    <div className="grid gap-2 border-t border-hair px-4 py-3 text-ink-2">
      <p>
        An export is checked without a network: <code>proofline-verify FILE --checkpoint-key KEY</code>. The steps are
        in <code>docs/verifying-an-export.md</code>.
      </p>
      {key || query.isLoading || entries === undefined ? (
        <>
          <p>
            Below is the checkpoint key that this server gives. Use one that you noted earlier or got from somebody
            else, and compare: a server that lies about the log lies about its key too.
          </p>
          <div className="flex min-h-8 flex-wrap items-start gap-3 max-sm:min-h-28">
            {key ? (
              <>
                <code className="min-w-0 flex-1 basis-80 select-all [overflow-wrap:anywhere]">{key}</code>
                <CopyButton text={key} label="Copy key" />
              </>
            ) : (
              <Bar className="my-1 w-2/3" />
            )}
          </div>
        </>
      ) : (
        <p>For the checkpoint key, ask whoever runs {session.installation.name}.</p>
      )}
    </div>
  );
}
