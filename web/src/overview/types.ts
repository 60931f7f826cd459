import type { components } from "../api/schema";

export type Overview = components["schemas"]["Overview"];
export type Attention = components["schemas"]["Attention"];
