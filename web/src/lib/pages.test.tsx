import { expect, it } from "vitest";
import { allPages, flatten, untilReordered } from "./pages";

it("joins pages and keeps a row that moved between two of them once", () => {
  const data = {
    pages: [{ items: [{ id: "a" }, { id: "b" }] }, { items: [{ id: "b" }, { id: "c" }] }],
    pageParams: ["", "x"],
  };
  expect(flatten(data).map(({ id }) => id)).toEqual(["a", "b", "c"]);
});

it("knows entries by their index", () => {
  const data = { pages: [{ items: [{ index: 1 }, { index: 0 }] }, { items: [{ index: 0 }] }], pageParams: [] };
  expect(flatten(data)).toEqual([{ index: 1 }, { index: 0 }]);
});

it("keeps rows until they come in another order, but none of another filter", () => {
  const shown = { queryKey: ["sites", { q: "cedar", sort: undefined }] };
  expect(untilReordered(["sites", { q: "cedar", sort: "name" }])("rows", shown)).toBe("rows");
  expect(untilReordered(["sites", { q: "lake", sort: undefined }])("rows", shown)).toBeUndefined();
  expect(untilReordered(["sites", { q: "cedar" }])("rows", undefined)).toBeUndefined();
});

/** Answers `rows` rows, page by page, and says what was asked. */
function listOf(rows: number) {
  const asked: string[] = [];
  const ask = async ({ limit, cursor }: { limit: number; cursor: string }) => {
    asked.push(cursor);
    const from = Number(cursor);
    const items = Array.from({ length: Math.min(limit, rows - from) }, (_, i) => ({ id: String(from + i) }));
    return { items, next_cursor: from + limit < rows ? String(from + limit) : null };
  };
  return { ask, asked };
}

it.each([
  [0, 1],
  [200, 1],
  [201, 2],
  [2_000, 10],
])("has all of %i rows in %i questions", async (rows, questions) => {
  const { ask, asked } = listOf(rows);
  const { items, complete } = await allPages(ask);
  expect([items.length, asked.length, complete]).toEqual([rows, questions, true]);
});

it("says that there are more than one can choose from", async () => {
  const { items, complete } = await allPages(listOf(2_001).ask);
  expect([items.length, complete]).toEqual([2_000, false]);
});
