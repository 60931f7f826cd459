import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "../api/client";
import { useDenied } from "../auth/context";
import { organisationsQuery, partnersQuery, sitesOfQuery } from "../tenants/queries";
import { QueryView } from "../ui/query-view";
import { Bar } from "../ui/skeleton";
import { ChooseOrCreate } from "./choose-or-create";
import { timezones } from "./timezones";

const skeleton = <Bar className="h-8 w-72" />;

export function PartnerStep({ onChosen }: { onChosen: (id: string) => void }) {
  const client = useQueryClient();
  const denied = useDenied();
  const query = useQuery(partnersQuery());
  const create = useMutation({
    mutationFn: (name: string) => api.post("/api/partners", { body: { name } }),
    onSuccess: async ({ id }) => {
      await client.invalidateQueries({ queryKey: ["partners"] });
      onChosen(id);
    },
  });
  return (
    <QueryView query={query} what="Partners" skeleton={skeleton}>
      {({ items }) => (
        <ChooseOrCreate
          noun="partner"
          denied={denied("partner.create")}
          options={items}
          onChosen={onChosen}
          onCreate={({ name }) => create.mutate(name)}
          busy={create.isPending}
          error={create.error}
          placeholder="Northgate IT"
        />
      )}
    </QueryView>
  );
}

export function OrganisationStep({ partnerId, onChosen }: { partnerId: string; onChosen: (id: string) => void }) {
  const client = useQueryClient();
  const denied = useDenied();
  const query = useQuery(organisationsQuery(partnerId));
  const create = useMutation({
    mutationFn: (name: string) => api.post("/api/organisations", { body: { partner_id: partnerId, name } }),
    onSuccess: async ({ id }) => {
      await client.invalidateQueries({ queryKey: ["organisations"] });
      onChosen(id);
    },
  });
  return (
    <QueryView query={query} what="Organisations" skeleton={skeleton}>
      {({ items }) => (
        <ChooseOrCreate
          noun="organisation"
          denied={denied("organisation.create")}
          options={items}
          onChosen={onChosen}
          onCreate={({ name }) => create.mutate(name)}
          busy={create.isPending}
          error={create.error}
          placeholder="Sunrise Dermatology"
        />
      )}
    </QueryView>
  );
}

export function SiteStep({
  orgId,
  orgName,
  onChosen,
}: {
  orgId: string;
  orgName: string;
  onChosen: (id: string) => void;
}) {
  const client = useQueryClient();
  const denied = useDenied();
  const query = useQuery(sitesOfQuery(orgId, orgName));
  const create = useMutation({
    mutationFn: ({ name, timezone }: { name: string; timezone: string }) =>
      api.post("/api/sites", { body: { org_id: orgId, name, timezone } }),
    onSuccess: async ({ id }) => {
      await Promise.all([
        client.invalidateQueries({ queryKey: ["sites"] }),
        client.invalidateQueries({ queryKey: ["overview"] }),
      ]);
      onChosen(id);
    },
  });
  return (
    <QueryView query={query} what="Sites" skeleton={skeleton}>
      {(sites) => (
        <ChooseOrCreate
          noun="site"
          denied={denied("site.create")}
          options={sites}
          onChosen={onChosen}
          onCreate={create.mutate}
          busy={create.isPending}
          error={create.error}
          placeholder={`${orgName}, Main Street`}
          timezones={timezones()}
        />
      )}
    </QueryView>
  );
}
