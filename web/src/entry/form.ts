/**
 * A form on its own page: named fields, one message for the whole, one for each field, and a
 * button that says when it works again after too many attempts.
 */

import { ApiError } from "../api/errors";
import { wordsFor } from "../api/error-words";
import { brandMark, h } from "./dom";

export interface FieldSpec {
  name: string;
  label: string;
  type: "email" | "password" | "text";
  autocomplete: string;
  hint?: string;
  maxLength?: number;
  minLength?: number;
}

export interface FormSpec {
  title: string;
  intro: string;
  /** Why the person is here instead of where they were. */
  notice?: string | undefined;
  fields: FieldSpec[];
  submit: string;
  busy: string;
  footer?: string | undefined;
  /** Resolves when done; an `ApiError` becomes words in the form. */
  onSubmit(values: Record<string, string>): Promise<void>;
  /** Words for codes that mean something special in this form. */
  explain?(error: ApiError): string | undefined;
}

export function showForm(root: HTMLElement, spec: FormSpec): void {
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
    if (button.getAttribute("aria-disabled") === "true") return;
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
    const words = wordsFor(problem);
    const message = spec.explain?.(problem) ?? `${words.title}. ${words.advice}`;
    alert.replaceChildren(
      h("p", {}, message),
      problem.requestId ? h("p", { class: "form-request" }, `Request ${problem.requestId}`) : "",
    );
    alert.hidden = false;
    if (problem.retryAfter) waitFor(problem.retryAfter);
    const wrong = problem.fields.map(({ field }) => fields.get(field)).find(Boolean);
    (wrong?.input ?? fields.values().next().value?.input)?.focus();
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

  root.replaceChildren(
    h(
      "main",
      { class: "gate" },
      h("p", { class: "gate-brand" }, brandMark(), "Proofline"),
      h(
        "div",
        { class: "panel gate-card" },
        h("h1", { id: "gate-title" }, spec.title),
        h("p", { class: "gate-intro" }, spec.intro),
        spec.notice ? h("p", { role: "status", class: "gate-notice" }, spec.notice) : "",
        form,
      ),
      spec.footer ? h("p", { class: "gate-footer" }, spec.footer) : "",
    ),
  );
  document.title = `${spec.title} · Proofline`;
  fields.values().next().value?.input.focus();
}

function makeField(spec: FieldSpec) {
  const id = `field-${spec.name}`;
  const describedBy = [spec.hint ? `${id}-hint` : "", `${id}-error`].filter(Boolean).join(" ");
  const input = h("input", {
    id,
    name: spec.name,
    type: spec.type,
    class: "input",
    required: true,
    autocomplete: spec.autocomplete,
    maxlength: spec.maxLength ? String(spec.maxLength) : undefined,
    autocapitalize: spec.type === "text" ? undefined : "none",
    spellcheck: "false",
    "aria-describedby": describedBy,
  });
  const problem = h("p", { id: `${id}-error`, class: "field-error" });

  function say(message: string) {
    problem.textContent = message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  function check(): boolean {
    const value = spec.type === "password" ? input.value : input.value.trim();
    if (value === "") say(`${spec.label} is missing`);
    else if (spec.type === "email" && !value.includes("@")) say("An e-mail address has an @");
    else if (spec.minLength && [...value].length < spec.minLength) {
      say(`At least ${spec.minLength} characters; this has ${[...value].length}`);
    } else return true;
    return false;
  }

  const label = h("label", { for: id }, spec.label);
  const row = h(
    "div",
    { class: "field" },
    spec.type === "password" ? h("div", { class: "field-head" }, label, revealButton(input)) : label,
    input,
    spec.hint ? h("p", { id: `${id}-hint`, class: "field-hint" }, spec.hint) : "",
    problem,
  );
  return { row, input, say, check };
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
