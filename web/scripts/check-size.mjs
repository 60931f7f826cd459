// Fails when somebody would have to download more than the budget. Run after a build.

import { readFileSync } from "node:fs";

/** Bytes, gzip. */
const budgets = {
  beforeSignIn: 75_000,
  area: 40_000,
  styles: 12_000,
};

const graphFile = new URL("../node_modules/.tmp/bundle-graph.json", import.meta.url);
const { nodes, styles } = JSON.parse(readFileSync(graphFile, "utf8"));
const byFile = new Map(nodes.map((node) => [node.file, node]));

/** A chunk and everything it imports at once, without what `have` holds already. */
function closure(file, have = new Set()) {
  const found = new Set();
  const walk = (name) => {
    if (have.has(name) || found.has(name) || !byFile.has(name)) return;
    found.add(name);
    byFile.get(name).imports.forEach(walk);
  };
  walk(file);
  return found;
}

const sizeOf = (files) => [...files].reduce((sum, name) => sum + byFile.get(name).gzip, 0);
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

const rows = [];
const check = (what, bytes, budget) => rows.push({ what, bytes, budget, over: budget !== undefined && bytes > budget });

const entry = nodes.find((node) => node.entry);
const atEntry = closure(entry.file);
check("before the sign-in form works", sizeOf(atEntry), budgets.beforeSignIn);

const app = nodes.find((node) => node.module === "src/app/mount.tsx");
const inApp = closure(app.file, atEntry);
check("the app after sign-in (React, router, cache)", sizeOf(inApp));
for (const file of inApp) {
  const node = byFile.get(file);
  if (!/react-/.test(file)) check(`  ${file.replace(/^assets\//, "")}`, node.gzip, budgets.area);
}

const loaded = new Set([...atEntry, ...inApp]);
const areas = nodes.filter((node) => node.module && !loaded.has(node.file) && node.module.startsWith("src/"));
for (const area of areas.sort((a, b) => a.module.localeCompare(b.module))) {
  check(area.module, sizeOf(closure(area.file, loaded)), budgets.area);
}
check(
  "styles",
  Object.values(styles).reduce((sum, bytes) => sum + bytes, 0),
  budgets.styles,
);

for (const { what, bytes, budget, over } of rows) {
  const limit = budget === undefined ? "" : ` of ${kilobytes(budget)}`;
  console.log(`${over ? "OVER " : "     "}${kilobytes(bytes).padStart(9)}${limit.padEnd(12)} ${what}`);
}
if (rows.some(({ over }) => over)) {
  console.error("\nOver budget.");
  process.exit(1);
}
