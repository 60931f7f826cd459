import { useQuery } from "@tanstack/react-query";
import { useSession } from "../auth/context";
import type { EvidenceEntry } from "../api/types";
import { verify } from "./verification";

/** The verification of an entry, done once for each proof that the server gives. */
export function useVerification(siteId: string, entry: EvidenceEntry) {
  const { session } = useSession();
  return useQuery({
    queryKey: ["site", siteId, "verification", entry.index, entry.checkpoint.note],
    queryFn: () => verify({ installationId: session.installation.id, siteId }, entry),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
}
