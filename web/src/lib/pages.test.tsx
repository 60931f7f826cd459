import { expect, it } from "vitest";
import { flatten, untilReordered } from "./pages";

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
