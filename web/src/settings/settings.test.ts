import { expect, it } from "vitest";
import { domainsIn } from "./domains";
import { scopeGroups } from "./scopes";

it.each([
  ["Example.org, @other.org", ["example.org", "other.org"]],
  ["a.example;a.example\nb.example ", ["a.example", "b.example"]],
  ["", []],
])("the domains in %j are %j", (text, domains) => expect(domainsIn(text)).toEqual(domains));

it("actions are grouped by what they are about", () => {
  expect(scopeGroups(["site.read", "incident.read", "site.create"])).toEqual([
    { subject: "Incident", scopes: [{ action: "incident.read", word: "Read" }] },
    {
      subject: "Site",
      scopes: [
        { action: "site.read", word: "Read" },
        { action: "site.create", word: "Create" },
      ],
    },
  ]);
});
