/** Choosing a role, and the partner or the organisation that it is held in. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Placement } from "../api/types";
import { useSession } from "../auth/context";
import { type Level, levelOf, levelWord, roleMeaning, rolesGivenBy, roleWord } from "../auth/roles";
import { sentence } from "../lib/format";
import { fieldProblem } from "../lib/use-write";
import { organisationsQuery, partnersQuery } from "../tenants/queries";
import { Field } from "../ui/field";
import { QuerySelect } from "../ui/query-select";

/** What is chosen so far; the place of the chooser is given, not chosen. */
export function usePlacement() {
  const { session } = useSession();
  const { role: own, partner_id: ownPartner, org_id: ownOrg } = session.user;
  const roles = rolesGivenBy(own);
  const [role, setRole] = useState("");
  const [partnerId, setPartner] = useState(ownPartner ?? "");
  const [orgId, setOrg] = useState(ownOrg ?? "");
  const level = role ? levelOf(role) : undefined;
  const placement: Placement = {
    role,
    ...(level === "partner" && partnerId ? { partner_id: partnerId } : {}),
    ...(level === "practice" && orgId ? { org_id: orgId } : {}),
  };
  const missing = !role
    ? "a role is missing"
    : level === "partner" && !partnerId
      ? "the partner is missing"
      : level === "practice" && !orgId
        ? "the practice is missing"
        : undefined;
  return { roles, role, setRole, level, partnerId, setPartner, orgId, setOrg, ownPartner, ownOrg, placement, missing };
}

type Choice = ReturnType<typeof usePlacement>;

export function PlacementFields({ choice, error }: { choice: Choice; error: unknown }) {
  const { roles, role, setRole, level } = choice;
  const levels = [...new Set(roles.map(levelOf))];
  return (
    <>
      <Field
        label="Role"
        hint={role ? `They can ${roleMeaning(role)}.` : undefined}
        error={fieldProblem(error, "role")}
      >
        {(ids) => (
          <select {...ids} className="input" value={role} onChange={(event) => setRole(event.target.value)}>
            <option value="">Choose…</option>
            {levels.map((each) => (
              <optgroup key={each} label={levelWord[each]}>
                {roles
                  .filter((name) => levelOf(name) === each)
                  .map((name) => (
                    <option key={name} value={name}>
                      {sentence(roleWord(name))}
                    </option>
                  ))}
              </optgroup>
            ))}
          </select>
        )}
      </Field>
      {level && level !== "platform" && <PlaceFields choice={choice} level={level} error={error} />}
    </>
  );
}

function PlaceFields({ choice, level, error }: { choice: Choice; level: Level; error: unknown }) {
  const { partnerId, setPartner, orgId, setOrg, ownPartner, ownOrg } = choice;
  const partners = useQuery({ ...partnersQuery(), enabled: !ownPartner && !ownOrg });
  const organisations = useQuery({
    ...organisationsQuery(partnerId),
    enabled: level === "practice" && !ownOrg && partnerId !== "",
  });
  if (ownOrg) return null;
  return (
    <>
      {!ownPartner && (
        <QuerySelect
          query={partners}
          what="Partners"
          label="Partner"
          value={partnerId}
          error={fieldProblem(error, "partner_id")}
          optionName={({ name }) => name}
          onChange={(id) => {
            setPartner(id);
            setOrg("");
          }}
        />
      )}
      {level === "practice" && partnerId !== "" && (
        <QuerySelect
          query={organisations}
          what="Practices"
          label="Practice"
          value={orgId}
          error={fieldProblem(error, "org_id")}
          optionName={({ name }) => name}
          onChange={setOrg}
        />
      )}
    </>
  );
}
