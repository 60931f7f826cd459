/**
 * A form on its own page: named fields, one message for the whole, one for each field, and a
 * button that says when it works again after too many attempts.
 */

import { ApiError } from "../api/errors";
import { wordsFor } from "../api/error-words";
import { codeDigits } from "../auth/next-step";
import { type Child, h } from "./dom";
import { showGate } from "./gate";

export interface FieldSpec {
  name: string;
  label: string;
  /** `code` is six digits: with the last one the form is sent. */
  type: "email" | "password" | "text" | "code";
  autocomplete: string;
  hint?: string;
  maxLength?: number;
  minLength?: number;
  /** It is so, and only shown (and kept by password managers). */
  fixed?: string;
}

/** Another way on from here, below the form. */
export interface Way {
  label: string;
  /** A link goes to its address; a button does something, and what went wrong is said in the form. */
  to: string | (() => Promise<void> | void);
  look?: "button" | "link";
}

export interface FormSpec {
  title: string;
  intro: string;
  /** Why the person is here instead of where they were. */
  notice?: string | undefined;
  /** What went wrong before this form came. */
  problem?: string | undefined;
  fields: FieldSpec[];
  submit: string;
  busy: string;
  ways?: (Way | false | undefined)[];
  footer?: string | undefined;
  /** Resolves when done; an `ApiError` becomes words in the form. */
  onSubmit(values: Record<string, string>): Promise<void>;
  /** Words for codes that mean something special in this form. */
  explain?(error: ApiError): string | undefined;
}

export interface ShownForm {
  /** Says in the form what went wrong. */
  refuse(error: unknown): void;
}

export function showForm(root: HTMLElement, spec: FormSpec): ShownForm {
  const alert = h("div", { role: "alert", class: "form-alert", hidden: true });
  const button = h("button", { type: "submit", class: "btn btn-primary" }, spec.submit);
  const fields = new Map(spec.fields.map((field) => [field.name, makeField(field)]));
  const form = h(
    "form",
    { novalidate: true, "aria-labelledby": "gate-title" },
    alert,
    ...[...fields.values()].map((field) => field.row),
    button,
  );

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isOff(button)) return;
    clear();
    const missing = [...fields.values()].find((field) => !field.check());
    if (missing) return missing.input.focus();

    setBusy(true);
    try {
      await spec.onSubmit(Object.fromEntries([...fields].map(([name, field]) => [name, field.input.value])));
    } catch (error) {
      setBusy(false);
      refuse(error);
    }
  });
  for (const field of fields.values()) field.onComplete = () => form.requestSubmit();

  function clear() {
    alert.hidden = true;
    for (const field of fields.values()) field.say("");
  }

  function setBusy(busy: boolean) {
    button.setAttribute("aria-disabled", String(busy));
    button.textContent = busy ? spec.busy : spec.submit;
  }

  function refuse(error: unknown) {
    const problem = error instanceof ApiError ? error : new ApiError("malformed", { cause: error });
    for (const { field, detail } of problem.fields) fields.get(field)?.say(detail);
    const { title, advice } = wordsFor(problem);
    const special = spec.explain?.(problem);
    tell(special ? [special] : [h("strong", {}, `${title}.`), ` ${advice}`], problem.requestId);
    if (problem.retryAfter) waitFor(problem.retryAfter);
    const wrong = problem.fields.map(({ field }) => fields.get(field)).find(Boolean);
    const input = (wrong ?? fields.values().next().value)?.input;
    input?.focus();
    // A code that was refused is typed anew.
    if (input?.inputMode === "numeric") input.value = "";
  }

  function tell(message: Child[], requestId?: string) {
    alert.replaceChildren(
      h("p", {}, ...message),
      requestId ? h("p", { class: "form-request" }, `Request ${requestId}`) : "",
    );
    alert.hidden = false;
  }

  function waitFor(seconds: number) {
    const until = Date.now() + seconds * 1000;
    button.setAttribute("aria-disabled", "true");
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left <= 0 || !button.isConnected) {
        clearInterval(timer);
        setBusy(false);
      } else {
        button.textContent = `Wait ${clock(left)}`;
      }
    };
    const timer = setInterval(tick, 1000);
    tick();
  }

  const ways = (spec.ways ?? []).filter((way): way is Way => Boolean(way));
  const buttons = ways.filter((way) => way.look === "button");
  const links = ways.filter((way) => way.look !== "button");
  showGate(
    root,
    spec,
    form,
    buttons.length > 0 && h("p", { class: "gate-or" }, "or"),
    buttons.length > 0 && h("div", { class: "gate-ways" }, ...buttons.map((way) => showWay(way, refuse, clear))),
    links.length > 0 && h("div", { class: "gate-links" }, ...links.map((way) => showWay(way, refuse, clear))),
  );
  if (spec.problem) tell([spec.problem]);
  const first = [...fields.values()].find(({ input }) => !input.readOnly);
  (first?.input ?? button).focus();
  return { refuse };
}

const isOff = (button: HTMLElement) => button.getAttribute("aria-disabled") === "true";

function showWay({ label, to, look }: Way, refuse: (error: unknown) => void, clear: () => void): HTMLElement {
  const style = look === "button" ? "btn" : "link";
  if (typeof to === "string") return h("a", { href: to, class: style }, label);
  const button = h("button", { type: "button", class: style }, label);
  button.addEventListener("click", async () => {
    if (isOff(button)) return;
    clear();
    button.setAttribute("aria-disabled", "true");
    try {
      await to();
    } catch (error) {
      refuse(error);
    }
    button.removeAttribute("aria-disabled");
  });
  return button;
}

function makeField(spec: FieldSpec) {
  const id = `field-${spec.name}`;
  const isCode = spec.type === "code";
  const describedBy = [spec.hint ? `${id}-hint` : "", `${id}-error`].filter(Boolean).join(" ");
  const input = h("input", {
    id,
    name: spec.name,
    type: isCode ? "text" : spec.type,
    class: isCode ? "input code-input" : "input",
    required: true,
    autocomplete: spec.autocomplete,
    inputmode: isCode ? "numeric" : undefined,
    maxlength: spec.maxLength ? String(spec.maxLength) : undefined,
    autocapitalize: spec.type === "text" && spec.name === "name" ? undefined : "none",
    spellcheck: "false",
    "aria-describedby": describedBy,
    value: spec.fixed,
    readonly: spec.fixed !== undefined,
  });
  const problem = h("p", { id: `${id}-error`, class: "field-error" });
  const hint = spec.hint && h("p", { id: `${id}-hint`, class: "field-hint" }, spec.hint);

  function say(message: string) {
    problem.textContent = message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  function check(): boolean {
    const value = spec.type === "password" ? input.value : input.value.trim();
    if (value === "") say(`${spec.label} is missing`);
    else if (spec.type === "email" && !value.includes("@")) say("An e-mail address has an @");
    else if (isCode && codeDigits(value).length < 6) say("A code has six digits");
    else if (spec.minLength && [...value].length < spec.minLength) {
      say(`At least ${spec.minLength} characters; this has ${[...value].length}`);
    } else return true;
    return false;
  }

  const field = { row: document.createElement("div"), input, say, check, onComplete: () => {} };
  if (isCode) {
    input.addEventListener("input", () => {
      const digits = codeDigits(input.value);
      if (input.value !== digits) input.value = digits;
      if (digits.length === 6) field.onComplete();
    });
  }
  if (spec.minLength && hint) {
    const needed = spec.minLength;
    input.addEventListener("input", () => {
      const left = needed - [...input.value].length;
      hint.textContent =
        input.value === ""
          ? (spec.hint ?? "")
          : left > 0
            ? `${left} more ${left === 1 ? "character" : "characters"}`
            : "Long enough";
    });
  }

  const label = h("label", { for: id }, spec.label);
  field.row = h(
    "div",
    { class: "field" },
    spec.type === "password" ? h("div", { class: "field-head" }, label, revealButton(input)) : label,
    input,
    hint,
    problem,
  );
  return field;
}

function revealButton(input: HTMLInputElement): HTMLButtonElement {
  const button = h("button", { type: "button", class: "link", "aria-pressed": "false" }, "Show");
  button.setAttribute("aria-label", "Show password");
  button.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    button.textContent = shown ? "Hide" : "Show";
  });
  return button;
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
