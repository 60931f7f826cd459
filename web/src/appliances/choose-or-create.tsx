import { type FormEvent, useState } from "react";
import { ApiError } from "../api/errors";
import { wordsFor } from "../api/error-words";
import { Button } from "../ui/button";
import { Field } from "../ui/field";

interface Props {
  noun: string;
  options: readonly { id: string; name: string }[];
  placeholder: string;
  timezones?: { near: readonly string[]; all: readonly string[]; own: string };
  /** Why this person adds none. */
  denied: string | undefined;
  busy: boolean;
  error: unknown;
  onChosen: (id: string) => void;
  onCreate: (values: { name: string; timezone: string }) => void;
}

/** One that exists, or a new one. The list comes first only when there is something in it. */
export function ChooseOrCreate(props: Props) {
  const { noun, options, denied, onChosen } = props;
  const [making, setMaking] = useState(options.length === 0 && !denied);
  const [switched, setSwitched] = useState(false);
  const change = (to: boolean) => {
    setMaking(to);
    setSwitched(true);
  };
  const [chosen, setChosen] = useState("");
  const [missing, setMissing] = useState(false);
  if (making)
    return (
      <CreateForm {...props} autoFocus={switched} onCancel={options.length > 0 ? () => change(false) : undefined} />
    );
  return (
    <form
      className="grid gap-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (chosen) onChosen(chosen);
        else setMissing(true);
      }}
    >
      <Field label={`Choose the ${noun}`} error={missing && !chosen ? `Choose one, or add a new ${noun}` : undefined}>
        {(ids) => (
          <select
            {...ids}
            autoFocus={switched}
            className="input max-w-96"
            value={chosen}
            onChange={(event) => setChosen(event.target.value)}
          >
            <option value="">Choose…</option>
            {options.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="primary">
          Continue
        </Button>
        <Button icon="add" disabledReason={denied} onClick={() => change(true)}>
          New {noun}
        </Button>
      </div>
    </form>
  );
}

function CreateForm({
  noun,
  placeholder,
  timezones,
  busy,
  error,
  autoFocus,
  onCreate,
  onCancel,
}: Props & { autoFocus: boolean; onCancel: (() => void) | undefined }) {
  const [name, setName] = useState("");
  const [timezone, setTimezone] = useState(timezones?.own ?? "");
  const [missing, setMissing] = useState(false);
  const problem = error instanceof ApiError ? error : undefined;
  const fieldProblem = (field: string) => problem?.fields.find((f) => f.field === field)?.detail;

  function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setMissing(name.trim() === "");
    if (name.trim() !== "") onCreate({ name: name.trim(), timezone });
  }

  return (
    <form className="grid gap-3" onSubmit={submit} noValidate>
      <Field label={`Name of the new ${noun}`} error={missing ? `The ${noun} needs a name` : fieldProblem("name")}>
        {(ids) => (
          <input
            {...ids}
            autoFocus={autoFocus}
            className="input max-w-96"
            value={name}
            maxLength={120}
            placeholder={placeholder}
            autoComplete="off"
            onChange={(event) => setName(event.target.value)}
          />
        )}
      </Field>
      {timezones && (
        <Field label="Time zone" hint="Maintenance windows and reports follow it." error={fieldProblem("timezone")}>
          {(ids) => (
            <select
              {...ids}
              className="input max-w-96"
              value={timezone}
              onChange={(event) => setTimezone(event.target.value)}
            >
              <optgroup label="United States">
                {timezones.near.map((zone) => (
                  <option key={zone}>{zone}</option>
                ))}
              </optgroup>
              <optgroup label="Elsewhere">
                {timezones.all.map((zone) => (
                  <option key={zone}>{zone}</option>
                ))}
              </optgroup>
            </select>
          )}
        </Field>
      )}
      {Boolean(error) && (
        <p role="alert" className="font-medium text-fail">
          {wordsFor(error).title}. {wordsFor(error).advice}
        </p>
      )}
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="primary" busy={busy}>
          Add {noun}
        </Button>
        {onCancel && <Button onClick={onCancel}>Choose an existing one</Button>}
      </div>
    </form>
  );
}
