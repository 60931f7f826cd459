import { levelOf, levelWord, roleMeaning, roleWord } from "../auth/roles";
import { sentence } from "../lib/format";

/** The role in words, and where it is held. */
export function RoleCell({ role, place }: { role: string; place: string }) {
  const level = levelOf(role);
  return (
    <>
      <span data-tip={`Can ${roleMeaning(role)}`}>{sentence(roleWord(role))}</span>
      <div className="text-xs text-ink-3 [overflow-wrap:anywhere]">
        {level === "platform" ? levelWord.platform : place || levelWord[level]}
      </div>
    </>
  );
}
