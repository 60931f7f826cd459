import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { organisationsQuery, partnersQuery, siteQuery } from "../tenants/queries";
import { Crumbs } from "../ui/crumbs";
import { PageHead } from "../ui/page-head";
import { CodeStep } from "./code-step";
import { OrganisationStep, PartnerStep, SiteStep } from "./tenant-steps";
import { WizardStep } from "./wizard-step";

const route = getRouteApi("/provision");

/** From nothing to an enrolled machine: partner, organisation, site, code. Each choice is in the address. */
export function Page() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const partners = useQuery(partnersQuery());
  const organisations = useQuery(organisationsQuery(search.partner ?? ""));
  const site = useQuery({ ...siteQuery(search.site ?? ""), enabled: Boolean(search.site) });
  const go = (to: { partner?: string; org?: string; site?: string }) =>
    void navigate({ search: to, resetScroll: false });

  const step = search.site ? 4 : search.org ? 3 : search.partner ? 2 : 1;
  const partnerName = site.data?.partner.name ?? partners.data?.items.find(({ id }) => id === search.partner)?.name;
  const organisationName = site.data?.org.name ?? organisations.data?.items.find(({ id }) => id === search.org)?.name;
  return (
    <>
      <Crumbs trail={[{ label: "Appliances", link: { to: "/appliances" } }]} />
      <PageHead title="Add an appliance" sub="Say where the machine belongs; then run one command on it." />
      <ol className="grid max-w-3xl grid-cols-[minmax(0,1fr)] gap-3">
        <WizardStep
          number={1}
          current={step}
          title="Partner"
          hint="who looks after the practice"
          answer={partnerName}
          onChange={() => go({})}
        >
          <PartnerStep onChosen={(partner) => go({ partner })} />
        </WizardStep>
        <WizardStep
          number={2}
          current={step}
          title="Organisation"
          hint="the practice"
          answer={organisationName}
          onChange={search.partner ? () => go({ partner: search.partner as string }) : undefined}
        >
          {search.partner && (
            <OrganisationStep
              partnerId={search.partner}
              onChosen={(org) => go({ partner: search.partner as string, org })}
            />
          )}
        </WizardStep>
        <WizardStep
          number={3}
          current={step}
          title="Site"
          hint="the place"
          answer={site.data?.name}
          onChange={
            search.partner && search.org
              ? () => go({ partner: search.partner as string, org: search.org as string })
              : undefined
          }
        >
          {search.org && (
            <SiteStep
              orgId={search.org}
              orgName={organisationName ?? ""}
              onChosen={(next) => go({ ...search, site: next })}
            />
          )}
        </WizardStep>
        <WizardStep number={4} current={step} title="Code" hint="used once, on the machine">
          {search.site && <CodeStep key={search.site} siteId={search.site} />}
        </WizardStep>
      </ol>
    </>
  );
}
