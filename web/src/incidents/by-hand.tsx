import { useLevel } from "../auth/context";
import { Fact, Facts } from "../ui/facts";
import { Panel } from "../ui/panel";
import type { IncidentDetail } from "../api/types";
import { plainly } from "./plain";

/** Whether nothing but a person can end it: somebody handed it over, or there is nothing that could run. */
export const isByHand = ({ state, runbook }: Pick<IncidentDetail, "state" | "runbook">): boolean =>
  state === "escalated" || (state === "open" && !runbook);

/** The last time that it was handed to people. */
export const handedOver = ({ transitions }: Pick<IncidentDetail, "transitions">) =>
  transitions.findLast(({ from, to }) => to === "escalated" && from !== "escalated");

/** What a person needs to end it: what is so, what should be, and where. */
export function ByHand({ incident }: { incident: IncidentDetail }) {
  const ours = useLevel() !== "practice";
  const seen = incident.last_observation;
  return (
    <Panel title={ours ? "A person has to fix this" : "Your IT provider has to fix this"}>
      <p className="px-4 py-3 text-md">
        {!ours
          ? plainly(incident.state)
          : incident.state === "escalated"
            ? incident.why
            : "No runbook repairs what this check looks at."}
      </p>
      {!ours && <p className="-mt-2 px-4 pb-3 text-ink-2">For technicians: {incident.why}</p>}
      {seen && (
        <Facts className="border-t border-hair">
          <Fact name="Found">
            <code>{seen.observed || "nothing"}</code>
            {seen.reason && <p className="text-ink-2">{seen.reason}</p>}
          </Fact>
          <Fact name="Expected">
            <code>{seen.expected}</code>
          </Fact>
          <Fact name="Where">
            <code>{seen.location}</code> on {incident.asset_name}
          </Fact>
        </Facts>
      )}
      <p className="border-t border-hair px-4 py-3 text-ink-2">
        {ours ? "Somebody has to set it on the machine" : "They set it on the machine"}. The check runs by itself, and
        closes the incident when it finds what is expected.
      </p>
    </Panel>
  );
}
