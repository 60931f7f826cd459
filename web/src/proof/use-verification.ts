import { queryOptions, useQuery } from "@tanstack/react-query";
import { useSession } from "../auth/context";
import type { EvidenceEntry } from "../api/types";
import { fetchEntry } from "./queries";
import { type Claim, type Place, verify } from "./verification";

/** The key is everything that is verified: a verdict is never shown over other bytes, another place or another claim. */
export const verificationQuery = (place: Place, entry: EvidenceEntry, claim?: Claim) =>
  queryOptions({
    queryKey: ["site", place.siteId, "verification", place, entry, claim],
    queryFn: ({ signal }) => verify(place, entry, claim, (siteId, index) => fetchEntry(siteId, index, signal)),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });

/** The verification of the entry that the server gave for an address, and of what the screen says of it. */
export function useVerification(siteId: string, index: number, entry: EvidenceEntry, claim?: Claim) {
  const { session } = useSession();
  return useQuery(verificationQuery({ installationId: session.installation.id, siteId, index }, entry, claim));
}
