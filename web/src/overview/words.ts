/** The same overview, named as each kind of reader thinks of it. */

import type { Level } from "../auth/roles";

interface Words {
  sites: string;
  posture: string;
  allSites: string;
  /** Without a site: what to do, for those who can; what comes, for the others. */
  first: string;
  waiting: string;
}

export const overviewWords: Record<Level, Words> = {
  platform: {
    sites: "Sites",
    posture: "HIPAA in force, all sites",
    allSites: "All sites",
    first: "Name the partner, the practice and the site.",
    waiting: "Somebody who adds sites does it. They appear here by themselves.",
  },
  partner: {
    sites: "Sites of your clinics",
    posture: "HIPAA in force, all your clinics",
    allSites: "All of them",
    first: "Name the practice and the site.",
    waiting: "Your administrator adds the first clinic. It appears here by itself.",
  },
  practice: {
    sites: "Your sites",
    posture: "HIPAA in force, your practice",
    allSites: "All your sites",
    first: "Name the site.",
    waiting: "Your IT partner connects the first machine. Its posture appears here by itself.",
  },
};
