import { expect, it } from "vitest";
import { flatten } from "./pages";

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
