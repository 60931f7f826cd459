import { setPreference, usePreference } from "../lib/preference";
import { Dialog } from "../ui/dialog";
import { useSession } from "../auth/context";
import { destinationsFor } from "./navigation";
import { shortcutPreference } from "./shortcuts";

const keys: [string[], string][] = [
  [["Ctrl", "K"], "Search or jump to"],
  [["/"], "The filter of this page; without one, search"],
  [["j"], "Next row"],
  [["k"], "Previous row"],
  [["Enter"], "Open the row"],
  [["t"], "Relative or exact times"],
  [["Esc"], "Close what is open"],
  [["?"], "This list"],
];

export function Help({ onClose }: { onClose: () => void }) {
  const { session } = useSession();
  const shortcuts = usePreference(shortcutPreference);
  return (
    <Dialog open onClose={onClose} title="Keyboard shortcuts">
      <div className="grid gap-x-8 gap-y-1 px-5 py-4 sm:grid-cols-2">
        <Keys title="Everywhere" rows={keys} />
        <Keys title="Go to" rows={destinationsFor(session.permissions).map(({ key, label }) => [["g", key], label])} />
      </div>
      <label className="flex items-center gap-2 border-t border-hair px-5 py-3">
        <input
          type="checkbox"
          className="size-4 accent-[var(--accent)]"
          checked={shortcuts === "on"}
          onChange={(event) => setPreference(shortcutPreference, event.target.checked ? "on" : "off")}
        />
        Shortcuts of a single letter are on
      </label>
    </Dialog>
  );
}

function Keys({ title, rows }: { title: string; rows: [string[], string][] }) {
  return (
    <section>
      <h3 className="mb-1 text-xs text-ink-3">{title}</h3>
      <dl>
        {rows.map(([combination, what]) => (
          <div key={what} className="flex items-center justify-between gap-4 py-1">
            <dt>{what}</dt>
            <dd className="flex gap-1">
              {combination.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
