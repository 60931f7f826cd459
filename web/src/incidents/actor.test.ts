import { expect, it } from "vitest";
import { actorWord } from "./actor";

it.each([
  ["Maren Rausch", "user:user_01k9m2v4c8q7r5t3w1x6y0z2aa", "Maren Rausch"],
  ["somebody", "user:user_01k9m2v4c8q7r5t3w1x6y0z2aa", null],
  ["an order", "order:ord_01k9m2v4c8q7r5t3w1x6y0z2aa", null],
  ["a rule", "l1", null],
  ["the agent", "agent", null],
])("%s took the step of %s", (word, actor, actor_name) => {
  expect(actorWord({ actor, actor_name })).toBe(word);
});
